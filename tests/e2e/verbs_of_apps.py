"""What the verbs about apps, and about the program itself, are tried with."""

import time

from tests.e2e.stack import HTTPD, QUICK
from tests.e2e.verb_world import Run, World, httpd, plain, verb

plain("apps", "--team", "acme")
plain("config")
plain("deployments")
plain("deployments show", "v3")
plain("diff")
plain("doctor", "v3")
plain("open", "--print")
plain("variables list")
plain("variables history")
plain("version")
plain("docs", "pull-timeout")
plain("logs", "--deployment", "v3")


@verb("validate")
def validate(world: World) -> Run:
    """Valid, but for a doubt."""
    return Run(["validate"], world.stack.app("doubtful", HTTPD, toml=QUICK))


@verb("status")
def status(world: World) -> Run:
    if world.way == "terminal":  # the one that goes on, and ends quietly
        return Run(["status", "--watch"], world.shop, stop_at="more: loco doctor")
    return Run(["status"], world.shop)


@verb("trust require")
def trust_require(world: World) -> Run:
    return Run(["trust", "require", "ci", "--allow", world.stack.json("whoami")["user"]], world.app("trusted"))


@verb("init")
def init(world: World) -> Run:
    folder = world.folder(f"init-{world.way}") / "blog"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM loco-test/base:1\nEXPOSE 3000\nUSER 10001\n")
    return Run(["init"], folder)


@verb("deploy")
def deploy(world: World) -> Run:
    folder = world.app("built", live=False)
    (folder / "www/index.html").write_text(str(time.time_ns()))  # no step of it is cached
    return Run(["deploy"], folder)


@verb("redeploy")
def redeploy(world: World) -> Run:
    return Run(["redeploy"], world.app("rolled"))


@verb("rollback")
def rollback(world: World) -> Run:
    folder = world.app("back")
    if world.counts["back"] == 1:
        world.stack.loco("variables", "set", "LEVEL=debug", cwd=folder)
    return Run(["rollback"], folder, typed="y")


@verb("scale")
def scale(world: World) -> Run:
    """Of a range, of which this engine runs the least: with several, the order in which they start is none."""
    return Run(["scale", "--max", str(1 + world.count("replicas"))], world.app("wide"))


@verb("variables set")
def variables_set(world: World) -> Run:
    folder = world.app("told")
    if world.way == "terminal":  # the value is asked for, and not shown
        return Run(["variables", "set", "API_KEY"], folder, typed="hunter2")
    if world.way == "piped":  # nobody can be asked
        return Run(["variables", "set", "API_KEY"], folder)
    return Run(["variables", "set", f"LEVEL={world.way}"], folder)


@verb("variables import")
def variables_import(world: World) -> Run:
    folder = world.app("imported")
    (folder / ".env").write_text(f"LEVEL={world.way}\nGREETING=hello\n")
    return Run(["variables", "import", ".env", "--stage"], folder)


@verb("variables unset")
def variables_unset(world: World) -> Run:
    folder = world.app("unset")
    world.stack.loco("variables", "set", "LEVEL=debug", "--stage", cwd=folder)
    return Run(["variables", "unset", "LEVEL", "--stage", "--purge"], folder)


@verb("exec")
def exec_(world: World) -> Run:
    """With --json its stdout is the command's own all the same: what is JSON is why there was none."""
    if world.way == "json":
        return Run(["exec", "--instance", "v9-9", "--", "true"], world.shop)
    return Run(["exec", "--", "sh", "-c", "echo hello; exit 3"], world.shop)


@verb("run")
def run(world: World) -> Run:
    if world.way == "json":
        return Run(["run", "--timeout", "2d", "--", "true"], world.shop)
    return Run(["run", "--", "sh", "-c", "echo hello; exit 3"], world.shop)


@verb("forward")
def forward(world: World) -> Run:
    """It goes on until Ctrl-C, which only a terminal has."""
    if world.way == "terminal":
        return Run(["forward", "47999:8080"], world.shop, stop_at="v2-1")
    return Run(["forward", "http" if world.way == "piped" else "47999:8080", "--instance", "v9-9"], world.shop)


@verb("completion install")
def completion_install(world: World) -> Run:
    return Run(["completion", "install", "bash"], world.home, home=world.alone())


@verb("completion uninstall")
def completion_uninstall(world: World) -> Run:
    world.stack.loco("completion", "install", "bash", HOME=str(world.alone()))
    return Run(["completion", "uninstall", "bash"], world.home, home=world.folder("elsewhere"))


@verb("destroy")
def destroy(world: World) -> Run:
    name = f"gone{world.count('gone')}"
    folder = httpd(world.stack, name, team="corp", text="soon gone")
    world.stack.loco("variables", "set", "A=b", cwd=folder)  # an app without a deployment goes as any other
    return Run(
        ["destroy", *(["--app", name, "--team", "corp", "--yes"] if world.way == "json" else [])], folder, typed=name
    )
