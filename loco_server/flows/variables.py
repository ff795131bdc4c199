"""Variables: what people set becomes versions, and versions become a deployment. Values go in here and never out."""

from loco_server.flows.deploy import Deploy, draft
from loco_server.flows.login import Caller
from loco_server.records.apps import Apps
from loco_server.records.change import tell
from loco_server.records.deployments import Deployments
from loco_server.records.values import AppRecord, TeamRecord
from loco_server.records.variables import VariableRecord, Variables
from loco_spec import names
from loco_spec import variables as wire
from loco_spec.errors import NotFound, Refused, UsageError
from loco_spec.values import human_bytes

SET_BY_MAX = 80


class VariablesFlow:
    def __init__(self, *, apps: Apps, deployments: Deployments, variables: Variables, deploy: Deploy) -> None:
        self._apps = apps
        self._deployments = deployments
        self._variables = variables
        self._numbers = deploy.numbers

    async def change(
        self, team: TeamRecord, name: str, app: AppRecord | None, change: wire.VariablesChange, *, by: Caller
    ) -> wire.VariablesChanged:
        """Set and unset; then roll a deployment that has it, unless it is staged or nothing of the app is live.

        Args:
            team: the app's.
            name: the app's.
            app: None: it is made, so that its variables are there before its first deployment.
            change: what is wanted.
            by: who asks.

        Raises:
            LocoError: no room, too much, or no app can be made. Nothing was set.
        """
        if not change.stage:
            self._numbers.room()  # before anything is written: what is set should be rolled
            if app is not None:
                await self._numbers.may_again(app, by)
        made = app is None
        if app is None:
            app = await self._made(team, name, change)
        done = await self._variables.change(
            app.id, change.set, change.unset, by=by.name[:SET_BY_MAX], check=lambda total: _fits(app.name, total)
        )
        tell(set=list(done.set), unset=list(done.unset))
        waits, deployment = await self._waits(app), None
        if waits and not change.stage and await self._deployments.newest_ahead(app.id) is not None:
            deployment, waits = await self._numbers.again(app, by, action="variables"), False
        return wire.VariablesChanged(
            set=done.set,
            unset=done.unset,
            unchanged=done.unchanged,
            waits=waits,
            deployment=deployment,
            made_app=made,
        )

    async def current(self, app: AppRecord) -> wire.Variables:
        """Give each variable that is set, or that the live deployment still has."""
        live = await self._deployments.live(app.id)
        pins = {} if live is None else live.variables
        found = []
        for item in await self._variables.newest(app.id):
            if item.action == "set":
                state = "deployed" if pins.get(item.name) == item.version else "staged"
            elif item.name in pins:
                state = "unset"
            else:
                continue
            found.append(
                wire.Variable(
                    name=item.name,
                    version=item.version,
                    state=state,
                    digest=item.digest,
                    set_by=item.set_by,
                    set_at=item.set_at,
                )
            )
        return wire.Variables(variables=tuple(found))

    async def history(self, app: AppRecord, name: str | None) -> wire.VariablesHistory:
        """Give all versions, the newest first.

        Raises:
            NotFound: the app never had a variable of that name.
        """
        found = await self._variables.history(app.id, name)
        if name is not None and not found:
            raise _no_such(app, name)
        return wire.VariablesHistory(versions=tuple(_version(item) for item in found))

    async def purge(self, app: AppRecord, name: str) -> wire.VariablePurged:
        """Take all values of a variable away, for good.

        Raises:
            NotFound: the app never had a variable of that name.
            Conflict: a deployment that serves, or is about to, has it.
        """
        if not await self._variables.history(app.id, name):
            raise _no_such(app, name)
        done = await self._variables.purge(app.id, name)
        return wire.VariablePurged(name=name, versions=done.versions, deployments=done.deployments)

    async def _made(self, team: TeamRecord, name: str, change: wire.VariablesChange) -> AppRecord:
        if not change.set:
            raise NotFound(f"team {team.name} has no app {name[:60]}", hint="loco apps")
        if not names.is_slug(name):
            raise UsageError(
                f'"{name[:60]}" cannot be the name of an app', hint=f"a-z, 0-9, -, at most {names.APP_NAME_MAX}"
            )
        _fits(name, sum(len(key) + len(value.encode()) for key, value in change.set.items()))
        return await self._apps.create(draft(team, name), self._numbers.judge(team.name, name))

    async def _waits(self, app: AppRecord) -> bool:
        """Whether the newest deployment has other variables than the next one would have."""
        newest = await self._deployments.newest_ahead(app.id)
        return (newest.variables if newest is not None else {}) != await self._deployments.pins(app.id)


def _fits(app: str, total: int) -> None:
    if total > wire.TOTAL_MAX:
        raise Refused(
            f"the variables of {app} would take {human_bytes(total)}; the limit is {human_bytes(wire.TOTAL_MAX)}",
            hint="loco variables unset what is not needed any more",
        )


def _version(item: VariableRecord) -> wire.VariableVersion:
    return wire.VariableVersion(
        name=item.name,
        version=item.version,
        action=item.action,
        digest=item.digest,
        set_by=item.set_by,
        set_at=item.set_at,
    )


def _no_such(app: AppRecord, name: str) -> NotFound:
    shown = f" {name}" if wire.is_name(name) else " of that name"
    return NotFound(f"{app.name} has no variable{shown}", hint="loco variables history")
