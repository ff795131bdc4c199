"""`loco trust`: rules about CI jobs, and from where an app may be deployed."""

from pathlib import Path

import pytest

from loco_spec.trust import Source, TrustRule, TrustRuleRemoved, TrustRules
from tests.loco_cli.conftest import Loco
from tests.loco_cli.samples import NOW
from tests.loco_cli.server import URL, Server

pytestmark = pytest.mark.usefixtures("signed_in")

ADD = ["trust", "add", "--team", "acme", "--issuer", "github", "--repository", "acme/shop"]
IDS = ["--repository-id", "74", "--owner-id", "65"]
TRUST = "/v1/teams/acme/trust"
SOURCE = "/v1/teams/acme/apps/shop/source"


def rule(**more: object) -> TrustRule:
    given = {
        "id": "aaaaaaaaaa",
        "issuer": "https://issuer.example",
        "audience": URL,
        "repository": "acme/shop",
        "claims": {"repository_id": "74", "actor_id": ["8", "9"]},
        "created_by": "ann",
        "created_at": NOW,
    }
    return TrustRule.model_validate({**given, **more})


SHOWN = (
    "aaaaaaaaaa  acme/shop may deploy every app of the team, as ann\n"
    "            repository_id 74, actor_id 8 or 9\n"
    "            signed by https://issuer.example\n"
    f"            for {URL}\n"
)


def test_a_rule_is_made_of_numbers_and_is_for_this_server(server: Server, loco: Loco) -> None:
    server.answers(f"POST {TRUST}", rule(), status_code=201)
    found = loco(*ADD, *IDS)
    assert (found.code, found.out, found.err) == (0, SHOWN, "")
    assert server.body() == {
        "issuer": "github",
        "audience": URL,
        "repository": "acme/shop",
        "repository_id": "74",
        "owner_id": "65",
        "ref": None,
        "environment": None,
        "actors": [],
        "app": None,
    }


def test_everything_that_narrows_a_rule_is_sent(server: Server, loco: Loco) -> None:
    server.answers(f"POST {TRUST}", rule(app="shop"), status_code=201)
    args = ["--ref", "refs/tags/*", "--environment", "production", "--actor-id", "8", "--actor-id", "9"]
    found = loco(*ADD, *IDS, *args, "--app", "shop", "--audience", "loco", "--json")
    assert found.json["result"]["app"] == "shop"
    sent = server.body()
    assert (sent["ref"], sent["environment"], sent["actors"]) == ("refs/tags/*", "production", ["8", "9"])
    assert (sent["app"], sent["audience"]) == ("shop", "loco")


@pytest.mark.parametrize("name", ["acme", "", "-1", "7 4", "²"])
def test_a_name_in_place_of_a_number_is_refused_before_anything_is_asked(server: Server, loco: Loco, name: str) -> None:
    found = loco(*ADD, "--repository-id", name, "--owner-id", "65")
    assert (found.code, server.asked) == (2, [])
    assert "--repository-id is a number" in found.err


def test_the_rules_are_listed(server: Server, loco: Loco) -> None:
    server.answers(f"GET {TRUST}", TrustRules(rules=(rule(), rule(app="shop"))))
    found = loco("trust", "list", "--team", "acme")
    assert found.out == SHOWN + SHOWN.replace("every app of the team", "app shop")


def test_no_rules_name_the_command_for_the_first(server: Server, loco: Loco) -> None:
    server.answers(f"GET {TRUST}", TrustRules(rules=()))
    assert loco("trust", "list", "--team", "acme").out == "no job is trusted; the first one: loco trust add\n"


def test_a_rule_is_removed_by_its_id(server: Server, loco: Loco) -> None:
    server.answers(f"DELETE {TRUST}/aaaaaaaaaa", TrustRuleRemoved(id="aaaaaaaaaa"))
    assert loco("trust", "remove", "aaaaaaaaaa", "--team", "acme").out == "aaaaaaaaaa is trusted no more\n"


@pytest.mark.parametrize("text", ["shop", "../apps", "AAAAAAAAAA", "aaaaaaaaaa?x"])
def test_what_is_no_id_is_sent_nowhere(server: Server, loco: Loco, text: str) -> None:
    found = loco("trust", "remove", text, "--team", "acme")
    assert (found.code, server.asked) == (2, [])


def test_an_app_is_deployed_by_ci_alone_but_for_some(server: Server, loco: Loco) -> None:
    server.answers(f"PUT {SOURCE}", Source(team="acme", app="shop", source="ci", allow=("ann", "bob")))
    found = loco("trust", "require", "ci", "--team", "acme", "--app", "shop", "--allow", "ann", "--allow", "bob")
    assert server.body() == {"source": "ci", "allow": ["ann", "bob"]}
    assert found.out == ("shop of team acme is deployed by trusted CI jobs, ann, bob and nobody else\n")


def test_the_folders_app_is_meant_and_any_takes_the_rule_back(server: Server, loco: Loco, folder: Path) -> None:
    server.answers(f"PUT {SOURCE}", Source(team="acme", app="shop", source="any"))
    (folder / "loco.toml").write_text('name = "shop"\nteam = "acme"\n')
    found = loco("trust", "require", "any")
    assert found.out == "shop of team acme is deployed by everybody who may deploy in the team\n"


@pytest.mark.parametrize("args", [["require", "github"], ["require", "any", "--allow", "ann"]])
def test_a_slip_is_told_before_anything_is_asked(server: Server, loco: Loco, args: list[str]) -> None:
    assert (loco("trust", *args).code, server.asked) == (2, [])


def test_the_group_explains_its_commands(loco: Loco) -> None:
    found = loco("trust", "--help")
    assert (found.code, found.err) == (0, "")
    for name in ("add", "list", "remove", "require"):
        assert f"  {name} " in found.out
        assert "--json" in loco("trust", name, "--help").out
