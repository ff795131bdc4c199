"""The action for GitHub and the template for GitLab, run as their runners run them, against a real platform."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import jobs
from tests.e2e.jobs import ROOT, Done, Forge
from tests.e2e.stack import Stack, httpd, running

pytestmark = [pytest.mark.engine, pytest.mark.sample("ci_templates")]

ACTION = ROOT / "deploy/github-action"
TEMPLATE = ROOT / "deploy/gitlab/loco.gitlab-ci.yml"
SAYS_COMMANDS = """\
FROM loco-test/base:1
USER 10001
CMD ["sh", "-c", "echo '::add-mask::hello & <b>bye</b>'; exit 3"]
"""


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    with jobs.forge(tmp_path_factory.mktemp("forge")) as found:
        yield found


@pytest.fixture(scope="module")
def trusting(forge: Forge, base_image: str) -> Iterator[Stack]:
    """A platform whose team trusts the jobs of acme/shop on main, those of either forge."""
    with running(LOCO_OIDC_ISSUERS=f"github={forge.issuer.url}") as stack:
        ids = ["--repository-id", "74", "--owner-id", "65"]
        stack.loco("trust", "add", "--issuer", forge.issuer.url, "--repository", "acme/shop", *ids)
        yield stack


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A machine of GitHub's: what is installed there for one job is there for the next."""
    return tmp_path_factory.mktemp("runner")


class GitHub:
    """One job after another, each with a home of its own."""

    def __init__(self, stack: Stack, forge: Forge, runner: Path, scratch: Path) -> None:
        self._stack = stack
        self._runner = runner
        self._wheel = jobs.wheel(runner)
        self._env = jobs.environment(
            stack,
            forge,
            HOME=str(scratch),
            ACTIONS_ID_TOKEN_REQUEST_URL=forge.tokens,
            ACTIONS_ID_TOKEN_REQUEST_TOKEN=jobs.RUNNERS_TOKEN,
        )

    def deploys(self, folder: Path, **inputs: str) -> Done:
        given = {"server": self._stack.url, "team": self._team, "version": str(self._wheel), "folder": folder.name}
        return jobs.github(ACTION, given | inputs, folder.parent, self._runner, self._env)

    @property
    def _team(self) -> str:
        return str(self._stack.json("whoami")["default_team"])


def test_the_action_deploys_a_commit_once_and_calls_it_a_success_again(
    trusting: Stack, forge: Forge, runner: Path, tmp_path: Path
) -> None:
    folder = httpd(trusting, "shop")
    github = GitHub(trusting, forge, runner, tmp_path)
    url = f"http://shop.localhost:{trusting.edge}/"
    for words in ("is live after", "nothing changed"):
        done = github.deploys(folder, args="--wait-timeout '5m' --builder auto")
        assert (done.code, done.outputs) == (0, {"deployment": "v1", "url": url}), done.said
        assert words in done.said
        assert done.summary.startswith(f"### loco: v1 at <{url}>\n\n<pre>\nv1 ")
    assert trusting.json("deployments", "--app", "shop")["deployments"][0]["created_by"] == (
        f"{trusting.json('whoami')['user']} (acme/shop@refs/heads/main)"
    )


def test_the_action_fails_as_the_deployment_does_and_shows_its_screen(
    trusting: Stack, forge: Forge, runner: Path, tmp_path: Path
) -> None:
    folder = trusting.app("crashing", SAYS_COMMANDS, toml='[deploy]\ntimeout = "20s"\n')
    done = GitHub(trusting, forge, runner, tmp_path).deploys(folder, app="crashing")
    assert (done.code, done.outputs) == (6, {"deployment": "v1", "url": ""}), done.said
    assert done.summary.startswith("### crashing: v1 was not deployed (exit code 6)\n\n<pre>\nerror: v1 failed: ")
    assert "::add-mask::hello &amp; &lt;b&gt;bye&lt;/b&gt;" in done.summary
    assert "next: " in done.summary
    stop, *shown, resume, annotation = [
        line for line in done.said.splitlines() if line.lstrip().startswith("::") or line.startswith("error: ")
    ]
    assert any("::add-mask::" in line for line in shown)
    assert stop == f"::stop-commands::{resume.strip(':')}"
    assert annotation.startswith("::error title=loco deploy::v1 failed: ")


def test_a_job_that_nobody_trusts_is_told_so(trusting: Stack, forge: Forge, runner: Path, tmp_path: Path) -> None:
    folder = httpd(trusting, "shop")
    done = GitHub(trusting, forge, runner, tmp_path).deploys(folder, team="acme")
    assert (done.code, done.outputs) == (4, {})
    assert "no rule trusts acme/shop" in done.said


def test_the_template_for_gitlab_deploys_a_commit_once_and_calls_it_a_success_again(
    trusting: Stack, forge: Forge, tmp_path: Path
) -> None:
    httpd(trusting, "group/web")
    folder = trusting.folder / "apps/group"
    variables = {
        "LOCO_SERVER": trusting.url,
        "LOCO_TEAM": str(trusting.json("whoami")["default_team"]),
        "LOCO_APP": "web",
        "LOCO_FOLDER": "web",
        "LOCO_ARGS": "--wait-timeout '5m'",
        "LOCO_INSTALL": str(jobs.wheel(tmp_path)),
    }
    for words in ("is live after", "nothing changed"):
        token = forge.issuer.token(aud=trusting.url)
        env = jobs.environment(trusting, forge, HOME=str(tmp_path), LOCO_ID_TOKEN=token)
        done = jobs.gitlab(TEMPLATE, variables, folder, env)
        assert (done.code, done.outputs) == (
            0,
            {"LOCO_DEPLOYMENT": "v1", "LOCO_URL": f"http://web.localhost:{trusting.edge}/"},
        ), done.said
        assert words in (folder / "loco-result.txt").read_text()
        assert token not in done.said
