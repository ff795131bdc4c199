"""The looks at everything that a deploy of this folder needs. Whatever two checks need is asked once."""

import shutil
import socket
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from loco_cli import dockerfile, planning
from loco_cli.build import engine as engines
from loco_cli.build.image import Folder
from loco_cli.build.image import Options as BuildOptions
from loco_cli.client import account, deployments, registry
from loco_cli.client.http import Http
from loco_cli.context import Context, Target
from loco_cli.doctor import folder as of_folder
from loco_cli.doctor import last, machine, platform
from loco_cli.doctor.running import SECONDS, CannotLookError, Check, Once, begun, found
from loco_cli.ui.results import Diagnosed, Examined, Finding
from loco_spec import toml
from loco_spec.api import DeploymentCreate, Server
from loco_spec.changes import Plan
from loco_spec.errors import LocoError, NotFound, NotSignedIn, RegistryUnreachable
from loco_spec.version import VERSION

T = TypeVar("T")

NOBODY = "loco-doctor"
"""Who asks the registry for a token, and is refused: that there is an answer is all that is wanted."""
_NO_SERVER = "nobody is signed in to a server that answers"


class Looks:
    def __init__(self, context: Context, path: Path, *, app: str | None, team: str | None) -> None:
        self._context, self._path = context, path
        self._app, self._team = app, team
        self._here = app is None or toml.find(path) is not None or (path / "Dockerfile").is_file()
        self.loaded = Once(lambda: toml.read(path))
        self._spec = Once(lambda: planning.named(self.loaded().app, app))
        self._folder = Once(self._read_folder)
        self.engine = Once(engines.connect)
        self.about = Once(lambda: self.engine().about())
        self.server = Once(self._ask_server)
        self._http = Once(lambda: context.http)
        self._me = Once(lambda: account.me(self._http()))
        self._plan = Once(self._ask_plan)
        self.last = Once(self._ask_last)

    def examined(self) -> Examined:
        """Look at everything; raises nothing that a check has a word for."""
        checks = found(self.checks())
        told = self.last.so_far
        if told is None or not last.is_told(told):
            return Examined(checks=checks)
        return Examined(checks=checks, deployment=told.deployment, told=told.told)

    def checks(self) -> list[Check]:
        running = "see that it runs: docker info"
        network = "look at the network, the VPN and the proxy"
        return [
            Check("loco.toml", self._toml),
            Check("Dockerfile", self._dockerfile),
            Check("context", self._sent),
            Check("engine", self._engine, late="wrong", fix=running),
            Check("builder", self._builder),
            Check("disk", self._disk),
            Check("server", self._server, late="wrong", fix=network),
            Check("clock", self._clock),
            Check("token", self._token),
            Check("registry", self._registry, late="wrong", fix=network),
            Check("dns", self._dns),
            Check("quota", lambda: platform.quota(self._need(self._plan, "see plan"))),
            Check("plan", self._planned),
            Check("deployment", self._deployment),
        ]

    # --- the folder ---------------------------------------------------------------------------------------------

    def _toml(self) -> Finding:
        self._refuse_elsewhere()
        return of_folder.toml(self.loaded())

    def _dockerfile(self) -> Finding:
        spec = self._need(self._spec, "loco.toml has faults")
        if spec.image is not None:
            return Finding(name="Dockerfile", state="ok", message=f"none is needed: the image is {spec.image}")
        self._refuse_elsewhere()
        read = self._folder()
        assert read is not None  # noqa: S101  something is built
        text = (read.context / read.dockerfile).read_text(encoding="utf-8", errors="replace")
        return of_folder.dockerfile(read.dockerfile, dockerfile.read(text, spec.build.target), spec)

    def _sent(self) -> Finding:
        read = self._need_folder()
        if read is None:
            return Finding(name="context", state="ok", message="nothing is sent to a builder")
        read.check(lambda _: None)
        return of_folder.context(read.files, source=read.ignore_file, by_git=read.by_git)

    def _read_folder(self) -> Folder | None:
        spec = self._spec()
        return None if spec.image is not None else Folder(self._path, spec.build, BuildOptions(args={}))

    # --- this machine -------------------------------------------------------------------------------------------

    def _engine(self) -> Finding:
        engine = self.engine()
        return machine.engine(self.about(), podman=engine.is_podman, address=engine.address)

    def _builder(self) -> Finding:
        read = self._need_folder()
        if read is None:
            return Finding(name="builder", state="ok", message="nothing is built")
        said: list[str] = []
        return machine.builder(read.builder(self._need(self.engine, "no engine answers"), said.append).name, said)

    def _disk(self) -> Finding:
        root = str(self._need(self.about, "no engine answers").get("DockerRootDir") or "")
        address = self.engine().address
        here = (
            not address.startswith(("tcp://", "ssh://", "http://", "https://")) and bool(root) and Path(root).exists()
        )
        return machine.disk(shutil.disk_usage(root).free if here else None, root)

    # --- the server ---------------------------------------------------------------------------------------------

    def _server(self) -> Finding:
        return platform.server(self.server()[0], VERSION, self._context.server)

    def _clock(self) -> Finding:
        _, shown, asked = self._need(self.server, "the server does not answer")
        try:
            theirs = parsedate_to_datetime(shown).timestamp()
        except ValueError as e:
            raise CannotLookError("the server does not tell its time") from e
        return platform.clock(asked - theirs - 0.5)  # the header has whole seconds

    def _ask_server(self) -> tuple[Server, str, float]:
        """Give the server, what its clock showed, and what ours did."""
        http = Http(self._context.server, None)
        try:
            began = time.time()
            answer = account.server(http)
            return answer, http.date, (began + time.time()) / 2
        finally:
            http.close()

    def _token(self) -> Finding:
        kept = self._context.credentials.find(self._context.server.value)
        if kept is None:
            raise NotSignedIn(f"you are not signed in to {self._context.server.value}", hint="loco login")
        self._need(self.server, "the server does not answer")
        spec = self._of(self._spec)
        team, app = (self._team, self._app) if spec is None else (self._team or spec.team, spec.name)
        return platform.token(self._me(), kept.source, team=team, app=app, now=datetime.now(UTC))

    def _registry(self) -> Finding:
        name = self._need(self.server, "the server does not answer")[0].registry
        engines_view = begun(lambda: self._engine_reaches(name))
        status, challenge = registry.challenge(name, SECONDS)  # where nobody reaches it, this says so
        return platform.registry(name, status, challenge, self._context.server.value, engine=engines_view.result())

    def _engine_reaches(self, name: str) -> bool:
        """Whether the engine was there, and had an answer of the registry: a refusal is one."""
        engine = self._of(self.engine)
        if engine is None:
            return False
        try:
            engine.reach(name, username=NOBODY, password=NOBODY)
        except RegistryUnreachable as e:
            if "unauthorized" not in e.message.lower():
                raise
        return True

    def _dns(self) -> list[Finding]:
        spec = self._need(self._spec, "loco.toml has faults")
        server = self._need(self.server, "the server does not answer")[0]
        names = [urlsplit(url).hostname or "" for url in (server.edge, self._context.server.value)]
        labels = dict.fromkeys(route.host or spec.name for route in spec.routes)
        hosts = [label if "." in label else f"{label}.{server.domain}" for label in labels]
        looked = {name: begun(lambda name=name: _addresses(name)) for name in (*names, *hosts)}  # type: ignore[misc]
        via, expected = next(((n, at) for n in names if (at := looked[n].result())), ("", frozenset[str]()))
        return [platform.dns(host, looked[host].result(), expected, domain=server.domain, via=via) for host in hosts]

    # --- what the server knows of the app -----------------------------------------------------------------------

    def _target(self) -> Target:
        spec = self._spec()
        return Target(team=self._team or spec.team or self._me().default_team, app=spec.name)

    @property
    def known_target(self) -> Target | None:
        """The app, where a look has found out which one it is, and that somebody is signed in."""
        return None if self._me.so_far is None or self._spec.so_far is None else self._target()

    def _ask_plan(self) -> Plan:
        read, spec, target = self._of(self._folder), self._spec(), self._target()
        asked = DeploymentCreate(
            spec=spec.model_copy(update={"team": None}), context_bytes=None if read is None else read.size
        )
        return deployments.plan(self._http(), target.team, target.app, asked)

    def _planned(self) -> Finding:
        self._need(self._spec, "loco.toml has faults")
        self._need(self._me, _NO_SERVER)
        return platform.plan(self._plan())

    def _deployment(self) -> Finding:
        self._need(self._spec, "loco.toml has faults")
        self._need(self._me, _NO_SERVER)
        try:
            told = self.last()
        except NotFound:
            return Finding(name="deployment", state="ok", message="there is none yet")
        return platform.deployment(told.deployment, [each.cause for each in told.told])

    def _ask_last(self) -> Diagnosed:
        return last.newest(self._http(), self._target())

    # --- what stands in the way ---------------------------------------------------------------------------------

    def _need(self, once: Once[T], otherwise: str) -> T:
        """Give what another check tells of where it is not there."""
        try:
            return once()
        except LocoError as e:
            raise CannotLookError(otherwise) from e

    def _of(self, once: Once[T]) -> T | None:
        try:
            return once()
        except LocoError:
            return None

    def _need_folder(self) -> Folder | None:
        """Give the folder; None where nothing of it is built."""
        self._refuse_elsewhere()
        return self._need(self._folder, "see loco.toml and Dockerfile")

    def _refuse_elsewhere(self) -> None:
        if not self._here:
            raise CannotLookError(f"{self._path.resolve()} is not the folder of an app")


def _addresses(host: str) -> frozenset[str]:
    try:
        return frozenset(str(each[4][0]) for each in socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP))
    except (OSError, UnicodeError):
        return frozenset()
