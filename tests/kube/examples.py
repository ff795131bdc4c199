"""The examples of the project as rollouts on a cluster, as the server makes them of their loco.toml."""

from dataclasses import dataclass, field
from typing import Any

import docker

from loco_server.engines.base import AppRef, PullCredential, Rollout
from loco_server.engines.kubernetes import names
from loco_server.policy import hosts
from loco_server.workloads import injected, service
from loco_spec import toml
from loco_spec.kinds.service import Service
from loco_spec.names import new_id
from tests import images
from tests.kube.images import pushed
from tests.kube.schemas import ROOT


@dataclass
class Example:
    """An app of the team: its loco.toml, and its image as nodes name it."""

    spec: Service
    image: str
    team_id: str
    domain: str
    number: int = 0
    others: "tuple[Example, ...]" = ()
    app: AppRef = field(init=False)

    def __post_init__(self) -> None:
        self.app = AppRef(team="acme", team_id=self.team_id, app=self.spec.name, app_id=new_id())

    @property
    def host(self) -> str:
        return hosts.routes(self.spec, domain=self.domain, default_host=self.app.app)[0].host

    def next(self, **changes: Any) -> Rollout:
        """Give the next deployment, with other tables of its loco.toml where they are given."""
        self.number += 1
        own = self.spec.model_dump(exclude_unset=True)
        # A machine full of tests is a slow one, and these apps have nothing to finish.
        patient = {"health": own.get("health", {}) | {"timeout": "10s"}, "deploy": {"drain": "2s"}}
        spec = Service.model_validate(own | patient | changes)
        unit = service.unit(
            spec,
            image=self.image,
            user=10001,
            group=None,
            routes=hosts.routes(spec, domain=self.domain, default_host=self.app.app),
            injected=injected.variables(
                app=self.app.app,
                team=self.app.team,
                deployment=self.number,
                url=f"https://{self.host}",
                others={other.app.app: other.spec for other in self.others},
                hosts={other.app.app: names.service_host(other.app) for other in self.others},
            ),
            variables={},
        )
        pull = PullCredential(registry="registry.example.com", username="pull", password="a-pull-ticket")
        return Rollout(self.app, self.number, 1, unit, pull, timeout_seconds=60)


def example(client: docker.DockerClient, registry: str, folder: str, *, team_id: str, domain: str) -> Example:
    """Build and push `examples/<folder>` on the base image of the tests."""
    path = ROOT / "examples" / folder
    spec = toml.load(path)
    images.base_image(client)
    image, _ = client.images.build(path=str(path), buildargs={"BASE": images.BASE}, rm=True)
    return Example(spec, pushed(client, str(image.id), registry, f"loco-test/{spec.name}"), team_id, domain)
