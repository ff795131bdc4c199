"""Follow a deployment that is the server's by now, to its end, to a time limit, or to a Ctrl-C."""

import time

from loco_cli.client import deployments
from loco_cli.context import Context
from loco_cli.ui.errors import never_served
from loco_cli.ui.results import Deployed
from loco_spec.api import Deployment
from loco_spec.errors import (
    ConfigError,
    Interrupted,
    LocoError,
    StillGoing,
)
from loco_spec.events import NEVER_SERVED
from loco_spec.values import seconds


class Follower:
    def __init__(self, context: Context, *, wait_timeout: str) -> None:
        self._context = context
        self._started = time.monotonic()
        try:
            self._limit = seconds(wait_timeout)
        except ValueError as e:
            raise ConfigError(f"--wait-timeout: {e}", hint="--wait-timeout 10m") from e

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def follow(self, item: Deployment) -> Deployed:
        """Show what happens until the deployment has ended; give the end.

        Raises:
            DeploymentFailed, Superseded: it never served.
            StillGoing: the time is over, it goes on.
            Interrupted: Ctrl-C.
        """
        try:
            self._events(item)
        except KeyboardInterrupt:
            raise self._interrupted(item) from None
        return self.ended(deployments.get(self._context.http, item))

    def ended(self, item: Deployment) -> Deployed:
        """Give the result of a deployment that has ended, or raise what it ended with."""
        if item.state in NEVER_SERVED:
            raise never_served(item)
        return Deployed(deployment=item, unchanged=False, seconds=self.seconds)

    def _events(self, item: Deployment) -> None:
        ui = self._context.ui
        for event in deployments.follow(self._context.http, item):
            if self.seconds > self._limit:
                raise StillGoing(
                    f"v{item.number} is still going after {self._limit:.0f} s; it goes on without you",
                    hint="loco status",
                )
            if event is None:
                ui.working(f"v{item.number}: waiting ({self.seconds:.0f} s)")
            elif event.kind != "diagnosis" and not (event.kind == "state" and event.detail.get("state") == "created"):
                ui.event(event, f"v{item.number}: {event.message}")

    def _interrupted(self, item: Deployment) -> LocoError:
        """The server owns the deployment: ask whether to stop it, where somebody can be asked."""
        ui = self._context.ui
        if ui.can_ask:
            try:
                answer = ui.ask(f"v{item.number} is being rolled out. [d]etach and let it go on, or [c]ancel it?")
            except (KeyboardInterrupt, EOFError):
                answer = "d"
            if answer.lower().startswith("c"):
                deployments.cancel(self._context.http, item)
                return Interrupted(
                    f"v{item.number} is being cancelled; the previous deployment serves on", hint="loco status"
                )
        return Interrupted(f"v{item.number} goes on without you", hint="loco status, loco logs -f")
