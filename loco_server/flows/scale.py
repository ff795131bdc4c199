"""Scale: what is live, or about to be, with another [scale]; all else stays, its versions of variables too."""

from dataclasses import replace

from loco_server.flows.login import Caller
from loco_server.flows.numbers import Numbers
from loco_server.policy.changes import State, changes
from loco_server.policy.scaling import scaled
from loco_server.records.deployments import Deployments
from loco_server.records.values import AppRecord
from loco_server.settings import Settings
from loco_spec import again as wire
from loco_spec.errors import NotFound


class Scaling:
    def __init__(self, *, settings: Settings, deployments: Deployments, numbers: Numbers) -> None:
        self._settings = settings
        self._deployments = deployments
        self._numbers = numbers

    async def run(self, app: AppRecord, by: Caller, asked: wire.ScaleChange) -> wire.Scaled:
        """Roll a new number with so many replicas, or say that there are as many.

        Raises:
            NotFound: nothing is live.
            InvalidRequest: what is asked for makes no sense of what there is, or loco.toml would be refused for it.
            Refused: a quota, or no room.
        """
        await self._numbers.may_again(app, by)
        while True:
            base = await self._deployments.newest_ahead(app.id)
            if base is None:
                raise NotFound(f"{app.name} has no live deployment to scale", hint="loco deploy")
            spec = scaled(base.spec, asked)
            if spec == base.spec:
                return wire.Scaled(deployment=self._numbers.view(app, base), unchanged=True)
            wanted = replace(base, spec=spec)
            made = await self._numbers.roll(
                app, by, wanted, action="scale", ahead=base.number, variables=base.variables
            )
            if made is not None:  # else another came in between: what is asked for is asked of that one
                break
        before, after = (State(spec=each, routes=base.routes, digest=base.digest) for each in (base.spec, spec))
        notes: tuple[str, ...] = ()
        if self._settings.engine == "docker" and spec.scale.most > spec.scale.least:
            notes = (f"this server does not scale by itself yet: it runs min, which is {spec.scale.least}",)
        return wire.Scaled(deployment=made, changes=changes(before, after), notes=notes)
