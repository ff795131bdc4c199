"""Each result as people read it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from loco_cli.ui.render import human
from loco_cli.ui.results import Deployed, LoggedIn, LoggedOut, Opened, Versions
from loco_spec import api
from tests.loco_cli.samples import NOW, deployment, me


def five_minutes_ago() -> datetime:
    """Asked for in each test: a whole run takes longer than a minute."""
    return datetime.now(UTC) - timedelta(minutes=5, seconds=10)


def deployed(state: str = "live", *, unchanged: bool = False, **more: Any) -> list[str]:
    return human(Deployed(deployment=deployment(state, **more), unchanged=unchanged, seconds=7.04))


def test_who_one_is_and_in_which_teams() -> None:
    assert human(me()) == ["ann, in 1 team:", "  ann (owner)"]
    teams = (api.Team(name="ann", role="owner"), api.Team(name="acme", role="viewer"))
    assert human(me(teams=teams)) == ["ann, in 2 teams:", "  ann (owner)", "  acme (viewer)"]
    assert human(me(teams=())) == ["ann, in 0 teams:"]


def test_a_sign_in_says_where_the_token_is_and_a_sign_out_where_it_was() -> None:
    assert human(LoggedIn(server="https://x", me=me(), kept_in="the keyring")) == [
        "signed in to https://x as ann; the token is in the keyring"
    ]
    assert human(LoggedOut(server="https://x")) == ["signed out of https://x"]


def test_versions_of_both_sides() -> None:
    assert human(Versions(client="1.0", server="1.1", url="https://x")) == ["loco    1.0", "server  1.1 (https://x)"]
    assert human(Versions(client="1.0", server=None, url="https://x"))[1] == "server  not reached (https://x)"


def test_an_address_is_a_line_of_its_own() -> None:
    assert human(Opened(url="http://shop.example.com")) == ["http://shop.example.com"]


def test_a_deployment_that_is_live_says_after_how_long_and_where() -> None:
    assert deployed(urls=("https://shop.example.com", "https://www.example.com/x")) == [
        "v3 is live after 7.0 s",
        "  https://shop.example.com",
        "  https://www.example.com/x",
    ]
    assert deployed(urls=()) == ["v3 is live after 7.0 s"]


def test_an_address_under_localhost_says_who_finds_it() -> None:
    assert deployed(urls=("http://shop.localhost:7080",)) == [
        "v3 is live after 7.0 s",
        "  http://shop.localhost:7080",
        "  (browsers and curl find *.localhost; other programs may not)",
    ]


def test_a_deployment_without_a_change_says_what_is_live() -> None:
    assert deployed(unchanged=True, urls=("https://x",)) == ["v3 is live, nothing changed", "  https://x"]


def test_a_deployment_that_goes_on_says_how_to_follow_it() -> None:
    assert deployed("rolling", urls=()) == ["v3 is rolling; follow it with: loco deploy --attach v3"]


def test_a_team_without_apps_is_told_how_to_begin() -> None:
    assert human(api.Apps(apps=())) == ["no apps yet; the first one: loco deploy"]


def test_apps_stand_in_columns() -> None:
    def app(name: str, live: int | None, state: str, *urls: str) -> api.AppSummary:
        return api.AppSummary(team="ann", app=name, live=live, state=state, urls=urls, updated_at=NOW)

    found = human(api.Apps(apps=(app("shop", 12, "live", "http://a", "http://b"), app("longer-name", None, "failed"))))
    assert found == [
        "shop         v12 live    live        http://a http://b",
        "longer-name  not live    failed",
    ]
    assert human(api.Apps(apps=(app("shop", 12, "cancelled", "http://a"), app("till", None, "cancelled")))) == [
        "shop  v12 live                http://a",
        "till  not live    cancelled",
    ]


def test_the_status_of_an_app_that_serves() -> None:
    live = deployment(live_at=five_minutes_ago())
    started = five_minutes_ago() - timedelta(hours=2)
    instances = (
        api.Instance(name="v3-1", deployment=3, state="running", started_at=started, restarts=1),
        api.Instance(name="v3-2", deployment=3, state="unhealthy", reason="status 500", restarts=2),
        api.Instance(name="v3-3", deployment=3, state="starting", started_at=five_minutes_ago()),
    )
    urls = ("http://shop.localhost",)
    assert human(api.AppStatus(team="acme", app="shop", urls=urls, live=live, latest=live, instances=instances)) == [
        "shop of team acme",
        "  http://shop.localhost",
        "live: v3 by ann, 5 minutes ago",
        "  v3-1     running, started 2 hours ago, 1 restart",
        "  v3-2     unhealthy (status 500), started never, 2 restarts",
        "  v3-3     starting, started 5 minutes ago",
    ]


def test_the_status_of_an_app_whose_newest_deployment_is_not_the_live_one() -> None:
    live = deployment(live_at=five_minutes_ago())
    newest = deployment("failed", 4, reason="wrong port", created_by="bob")
    status = api.AppStatus(team="ann", app="shop", live=live, latest=newest)
    assert human(status)[-1] == "newest: v4 failed by bob: wrong port"
    rolling = status.model_copy(update={"latest": deployment("rolling", 4)})
    assert human(rolling)[-1] == "newest: v4 rolling by ann"


def test_the_status_of_an_app_of_which_nothing_is_live() -> None:
    status = api.AppStatus(team="ann", app="shop", latest=deployment("failed", 1))
    assert human(status) == ["shop of team ann", "live: nothing; loco deploy", "newest: v1 failed by ann"]


def test_what_is_destroyed_is_gone() -> None:
    assert human(api.Destroyed(team="ann", app="shop")) == ["shop of team ann is gone"]


def test_a_result_without_a_form_of_its_own_is_its_fields() -> None:
    class Later(BaseModel):
        colour: str = "red\x1b"
        count: int = 2

    assert human(Later()) == ["colour: red�", "count: 2"]


EVIL = "\x1b[2J"


@pytest.mark.parametrize(
    "value",
    [
        me(user=EVIL, teams=(api.Team(name=EVIL, role=EVIL),)),
        LoggedIn(server="https://x", me=me(user=EVIL), kept_in="a file"),
        Versions(client="1", server=EVIL, url="https://x"),
        Opened(url=EVIL),
        Deployed(deployment=deployment(EVIL, urls=(EVIL,)), unchanged=False, seconds=1),
        api.Apps(apps=(api.AppSummary(team="a", app=EVIL, state=EVIL, urls=(EVIL,), updated_at=NOW),)),
        api.AppStatus(
            team=EVIL,
            app=EVIL,
            urls=(EVIL,),
            live=deployment(created_by=EVIL),
            latest=deployment(EVIL, 4, created_by=EVIL, reason=EVIL),
            instances=(api.Instance(name=EVIL, deployment=1, state=EVIL, reason=EVIL),),
        ),
        api.Destroyed(team=EVIL, app=EVIL),
    ],
    ids=lambda value: type(value).__name__,
)
def test_nothing_from_elsewhere_steers_the_terminal(value: BaseModel) -> None:
    found = human(value)
    assert "�" in "".join(found)
    assert not [line for line in found if "\x1b" in line]
