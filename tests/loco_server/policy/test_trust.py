"""Which jobs a rule trusts: a table of everything that may be wrong with one."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from loco_server.policy.trust import FORGES, Miss, chosen, job, match, may_deploy, wanted
from loco_server.records.values import TrustRuleRecord, Wanted

ISSUER = "https://issuer.example"
GITHUB, GITLAB = FORGES["github"], FORGES["gitlab"]
JOB: dict[str, Any] = {
    "aud": "loco",
    "repository": "acme/shop",
    "repository_id": "74",
    "repository_owner_id": "65",
    "ref": "refs/heads/main",
    "environment": "production",
    "event_name": "push",
    "actor_id": "9",
}
PIPELINE: dict[str, Any] = {
    "aud": "loco",
    "project_path": "acme/shop",
    "project_id": "74",
    "namespace_id": "65",
    "ref": "main",
    "ref_path": "refs/heads/main",
    "pipeline_source": "push",
    "user_id": "9",
}


def rule(app: str | None = None, *, id_: str = "rule", **claims: Wanted) -> TrustRuleRecord:
    asked = claims or {"ref": "refs/heads/main"}
    return TrustRuleRecord(
        id=id_,
        team_id="team",
        app_id=app,
        app=app,
        issuer=ISSUER,
        audience="loco",
        repository="acme/shop",
        claims={"repository_id": "74", "repository_owner_id": "65", **asked},
        created_by="ann",
        creator="ann",
        created_at=datetime(2030, 1, 1, tzinfo=UTC),
    )


def miss(found: object) -> str:
    assert isinstance(found, Miss)
    return found.reason


def test_the_job_that_a_rule_describes_is_trusted() -> None:
    assert match([rule()], GITHUB, ISSUER, JOB) == [rule()]
    assert match([rule(environment="production")], GITHUB, ISSUER, JOB) != []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"aud": "other"}, "aud other"),
        ({"aud": None}, "aud (none)"),
        ({"aud": ["loco", "other"]}, "aud ['loco', 'other']"),
        ({"aud": []}, "aud []"),
        ({"ref": "refs/heads/dev"}, "ref refs/heads/dev"),
        ({"ref": "refs/heads/main2"}, "ref refs/heads/main2"),
        ({"ref": ""}, "ref "),
        ({"ref": None}, "ref (none)"),
        ({"ref": ["refs/heads/main"]}, "ref ['refs/heads/main']"),
    ],
)
def test_a_job_of_the_repository_that_does_not_fit_is_told_what_of_it_does_not(
    changes: dict[str, Any], said: str
) -> None:
    found = match([rule()], GITHUB, ISSUER, {**JOB, **changes})
    assert miss(found) == f"a rule trusts acme/shop, but not with {said}"


@pytest.mark.parametrize(
    "changes",
    [
        {"repository_id": "75"},
        {"repository_owner_id": "66"},
        {"repository_id": "75", "repository_owner_id": "66"},
        {"repository_id": None},
        {"repository_id": True},
    ],
)
def test_the_right_names_with_wrong_numbers_are_nothing_and_learn_nothing(changes: dict[str, Any]) -> None:
    said = {**JOB, **changes}
    found = match([rule()], GITHUB, ISSUER, said)
    assert miss(found).startswith("no rule trusts acme/shop (repository_id ")
    assert found == match([], GITHUB, ISSUER, said)


def test_another_issuer_with_the_same_numbers_is_nothing() -> None:
    found = match([rule()], GITHUB, "https://other.example", JOB)
    assert found == match([], GITHUB, "https://other.example", JOB)


def test_a_repository_that_was_renamed_is_trusted_on() -> None:
    assert match([rule()], GITHUB, ISSUER, {**JOB, "repository": "acme/store"}) == [rule()]


@pytest.mark.parametrize(
    "event", ["pull_request", "pull_request_target", "pull_request_review", "pull_request_review_comment", None, 7]
)
def test_what_anybody_may_have_sent_in_is_never_trusted(event: object) -> None:
    anything = rule(event_name=["pull_request", "pull_request_target"])
    assert "is never trusted" in miss(match([rule(), anything], GITHUB, ISSUER, {**JOB, "event_name": event}))


@pytest.mark.parametrize("source", ["merge_request_event", "external_pull_request_event", None])
def test_nor_is_a_merge_request(source: str | None) -> None:
    gitlab = replace(rule(), claims=wanted(GITLAB, repository_id="74", owner_id="65", ref="main", environment=None))
    assert match([gitlab], GITLAB, ISSUER, PIPELINE) == [gitlab]
    found = match([gitlab], GITLAB, ISSUER, {**PIPELINE, "pipeline_source": source})
    assert "is never trusted" in miss(found)


def test_of_a_list_one_will_do() -> None:
    by = rule(actor_id=["8", "9"])
    assert match([by], GITHUB, ISSUER, JOB) == [by]
    assert match([by], GITHUB, ISSUER, {**JOB, "actor_id": 9}) == [by]
    assert "actor_id 10" in miss(match([by], GITHUB, ISSUER, {**JOB, "actor_id": "10"}))


@pytest.mark.parametrize(
    ("pattern", "ref", "fits"),
    [
        ("refs/tags/*", "refs/tags/v1", True),
        ("refs/tags/v*", "refs/tags/v1.2", True),
        ("refs/tags/v*", "refs/tags/1", False),
        ("refs/tags/*", "refs/heads/main", False),
        ("refs/heads/release/*", "refs/heads/release/1", True),
        ("refs/*", "refs/heads/main", False),
        ("*", "refs/heads/main", False),
    ],
)
def test_a_pattern_is_of_branches_or_of_tags(pattern: str, ref: str, fits: bool) -> None:
    found = match([rule(ref=pattern)], GITHUB, ISSUER, {**JOB, "ref": ref})
    assert isinstance(found, list) is fits


def test_the_nearest_rule_is_the_one_that_is_told_of() -> None:
    far = rule(id_="far", ref="refs/heads/dev", environment="staging", actor_id="1")
    near = rule(id_="near", environment="staging")
    assert miss(match([far, near], GITHUB, ISSUER, JOB)) == (
        "a rule trusts acme/shop, but not with environment production"
    )


def test_what_a_token_says_is_cut_where_it_is_told() -> None:
    assert len(miss(match([rule()], GITHUB, ISSUER, {**JOB, "ref": "x" * 10000}))) < 300


def test_a_job_is_called_by_repository_and_ref() -> None:
    assert job(GITHUB, JOB) == "acme/shop@refs/heads/main"
    assert job(GITLAB, PIPELINE) == "acme/shop@refs/heads/main"


def test_a_rule_without_ref_and_environment_is_about_main_alone() -> None:
    ids = {"repository_id": "1", "repository_owner_id": "2"}
    given = {"repository_id": "1", "owner_id": "2"}
    assert wanted(GITHUB, ref=None, environment=None, **given) == {**ids, "ref": "refs/heads/main"}
    assert wanted(GITHUB, ref="refs/tags/*", environment=None, **given) == {**ids, "ref": "refs/tags/*"}
    assert wanted(GITHUB, ref=None, environment="production", **given) == {**ids, "environment": "production"}
    assert wanted(GITHUB, ref="dev", environment="test", actors=["9"], **given) == {
        **ids,
        "environment": "test",
        "ref": "refs/heads/dev",
        "actor_id": ["9"],
    }


def test_the_narrowest_rule_is_taken() -> None:
    team, shop, web = rule(id_="team"), rule("shop", id_="shop"), rule("web", id_="web")
    assert chosen([team, shop, web], "shop") == shop
    assert chosen([team, shop], "web") == team
    assert chosen([team, shop], None) == team
    assert chosen([shop], None) == shop
    assert "several apps" in miss(chosen([shop, web], None))
    assert "not with api" in miss(chosen([shop, web], "api"))


def test_an_app_that_only_ci_deploys_is_deployed_by_jobs_and_by_those_on_its_list() -> None:
    def who(source: str, user: str, kind: str, *deployers: str) -> str | None:
        return may_deploy("shop", source, deployers, user_id=user, token_kind=kind)

    assert who("any", "ann", "session") is None
    assert who("ci", "ann", "ci") is None
    assert who("ci", "ann", "session", "bob", "ann") is None
    assert who("ci", "ann", "session") == "shop is deployed by trusted CI jobs and nobody else"
    assert who("ci", "ann", "access", "bob") == "shop is deployed by trusted CI jobs and 1 listed user"
    assert who("ci", "ann", "access", "bob", "eve") == "shop is deployed by trusted CI jobs and 2 listed users"
