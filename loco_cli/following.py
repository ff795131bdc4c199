"""Follow a deployment that is the server's by now, to its end, to a time limit, or to a Ctrl-C."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from loco_cli import interrupts
from loco_cli.client import deployments
from loco_cli.context import Context
from loco_cli.options import Named
from loco_cli.ui.errors import never_served
from loco_cli.ui.results import Deployed
from loco_spec.api import Deployment
from loco_spec.errors import (
    ConfigError,
    Conflict,
    Interrupted,
    LocoError,
    StillGoing,
)
from loco_spec.events import ENDED, NEVER_SERVED, DeploymentEvent
from loco_spec.values import seconds

CANCEL_SECONDS = 30.0
"""For so long a Ctrl-C waits to see what became of what it has cancelled."""
LOOK_SECONDS = 0.5
Made = TypeVar("Made")
"""What the server answers when a deployment has begun."""


@dataclass(frozen=True)
class Waiting:
    """How a person wants to wait."""

    timeout: str = "10m"
    cancel: bool = False
    """A Ctrl-C cancels the deployment, and nobody is asked."""
    detach: bool = False
    """Not at all."""


class Follower:
    def __init__(self, context: Context, waiting: Waiting, named: Named) -> None:
        """`named`: what the next command has to name too."""
        self._context = context
        self._started = time.monotonic()
        self._cancels, self._detach = waiting.cancel, waiting.detach
        self._named = named
        interrupts.same_for_sigterm()
        try:
            self._limit = seconds(waiting.timeout)
        except ValueError as e:
            raise ConfigError(f"--wait-timeout: {e}", hint="--wait-timeout 10m") from e

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def begun(self, begin: Callable[[], Made], of: Callable[[Made], Deployment | None]) -> Made:
        """Begin a deployment that needs no build; where Ctrl-C is pressed meanwhile the server's answer comes first.

        `of`: which deployment the answer tells of.

        Raises:
            Interrupted: it was pressed, and the deployment goes on, or is cancelled, as while it is followed.
        """
        made = None
        try:
            with interrupts.held():
                made = begin()
        except KeyboardInterrupt:
            if made is None:
                raise
            if (item := of(made)) is not None:
                raise self.interrupted(item) from None
        return made

    def follow(self, item: Deployment) -> Deployed:
        """Show what happens until the deployment has ended; give the end, or where nobody waits what there is.

        Raises:
            DeploymentFailed, Superseded: it never served.
            StillGoing: the time is over, it goes on.
            Interrupted: Ctrl-C.
            LocoError: the server gives no answer, or refuses to tell.
        """
        if self._detach:
            return Deployed(deployment=item, unchanged=False, seconds=self.seconds)
        state, since = item.state, item.state_at
        try:
            with self._context.http.until(self._started + self._limit):
                for event in deployments.follow(self._context.http, item):
                    if event is not None and event.kind == "state":
                        state, since = str(event.detail.get("state")), event.at
                    if self.seconds > self._limit and state not in ENDED:
                        raise self._still_going(item, state, since)
                    self._show(item, event)
                found = deployments.ended(self._context.http, item)
        except KeyboardInterrupt:
            raise self.interrupted(item) from None
        except deployments.NO_ANSWER as e:
            if self.seconds > self._limit:
                raise self._still_going(item, state, since) from e
            raise type(e)(f"{e.message}; v{item.number} goes on without you", hint=self._again(item)) from e
        return self.ended(found)

    def ended(self, item: Deployment) -> Deployed:
        """Give the result of a deployment that has ended, or raise what it ended with."""
        if item.state in NEVER_SERVED:
            raise never_served(item)
        return Deployed(deployment=item, unchanged=False, seconds=self.seconds)

    def cancelled(self, item: Deployment) -> Interrupted:
        """Cancel it, and tell what came of that within a while."""
        number, http = f"v{item.number}", self._context.http
        try:
            until = time.monotonic() + CANCEL_SECONDS
            with http.until(until):
                found = deployments.cancel(http, item)
                while found.state not in ENDED and time.monotonic() < until:
                    time.sleep(LOOK_SECONDS)
                    found = deployments.get(http, item)
        except Conflict as e:
            return Interrupted(f"{number} was not cancelled: {e.message}", hint="loco status")
        except LocoError as e:
            return Interrupted(f"{number} may go on; cancelling it failed: {e.message}", hint=self._again(item))
        except KeyboardInterrupt:
            return Interrupted(f"{number} may be cancelled; nobody waited to see it", hint=self._again(item))
        if found.state == "cancelled":
            return Interrupted(f"{number} {found.reason or 'cancelled'}", hint="loco deploy")
        if found.state in ENDED:
            return Interrupted(f"{number} had ended before it could be cancelled: {found.state}", hint="loco status")
        return Interrupted(f"{number} is being cancelled", hint=self._again(item))

    def interrupted(self, item: Deployment) -> Interrupted:
        """The server owns the deployment: ask whether to stop it, where somebody can be asked."""
        ui = self._context.ui
        cancels = self._cancels
        if not cancels and ui.can_ask and not ui.yes:
            try:
                answer = ui.ask(f"v{item.number} is being rolled out. [d]etach and let it go on, or [c]ancel it?")
            except (KeyboardInterrupt, EOFError):
                answer = "d"
            cancels = answer.lower().startswith("c")
        if cancels:
            return self.cancelled(item)
        return Interrupted(f"v{item.number} goes on without you", hint=self._again(item))

    def _show(self, item: Deployment, event: DeploymentEvent | None) -> None:
        ui = self._context.ui
        if event is None:
            ui.working(f"v{item.number}: waiting ({self.seconds:.0f} s)")
            return
        state = event.detail.get("state") if event.kind == "state" else None
        told = state == "created" or (state in ENDED and not ui.json)  # a person reads of the end in the result
        if event.kind != "diagnosis" and not told:
            ui.event(event, f"v{item.number}: {event.message}")

    def _still_going(self, item: Deployment, state: str, since: datetime | None) -> StillGoing:
        lasts = "" if since is None else f" for {max(0.0, (datetime.now(UTC) - since).total_seconds()):.0f} s"
        return StillGoing(
            f"v{item.number} is still going after {self._limit:.0f} s: {state}{lasts}; it goes on without you",
            hint=self._again(item),
        )

    def _again(self, item: Deployment) -> str:
        return f"loco deploy --attach v{item.number}{self._named}"
