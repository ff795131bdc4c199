from loco_server.engines.attached import Start
from loco_server.engines.docker import names, render
from tests.contract.engines import new_app, rollout, unit

IMAGE = f"127.0.0.1:7050/acme/shop-abcdefghij@sha256:{'a' * 64}"


def test_an_instance_is_on_its_teams_network_at_its_address_under_its_apps_name() -> None:
    app = new_app("shop")
    config = render.container("inst", rollout(app, 12, unit(IMAGE)), 1, "10.213.0.2")
    network = f"loco-{app.team_id}"
    assert config["NetworkingConfig"]["EndpointsConfig"] == {
        network: {"IPAMConfig": {"IPv4Address": "10.213.0.2"}, "Aliases": ["shop"]}
    }
    assert config["HostConfig"]["NetworkMode"] == network
    assert len(network) == 15, "the longest name that Linux gives an interface"
    assert config["Hostname"] == "shop-v12-1"
    assert "Cmd" not in config, "the image's own"
    assert "User" not in config


def test_the_user_is_given_with_its_group_where_the_image_says_one() -> None:
    def user(**changes: int) -> object:
        return render.container("inst", rollout(new_app(), 1, unit(IMAGE, **changes)), 1, "10.213.0.2")["User"]

    assert user(user=10001) == "10001"
    assert user(user=10001, group=0) == "10001:0"


def test_the_release_command_has_no_alias_and_its_own_command() -> None:
    app = new_app("shop")
    config = render.container("inst", rollout(app, 12, unit(IMAGE)), 0, "10.213.0.2", command=("migrate",))
    (endpoint,) = config["NetworkingConfig"]["EndpointsConfig"].values()
    assert "Aliases" not in endpoint
    assert config["Cmd"] == ["migrate"]


def test_a_one_off_container_is_no_instance_has_no_alias_and_keeps_no_log() -> None:
    app = new_app("shop")
    start = Start(("sh", "-c", "x"), tty=True, stdin=True)
    config = render.one_off("inst", rollout(app, 12, unit(IMAGE)), "10.213.0.2", start)
    (endpoint,) = config["NetworkingConfig"]["EndpointsConfig"].values()
    assert "Aliases" not in endpoint
    assert (config["Cmd"], config["Tty"], config["OpenStdin"]) == (["sh", "-c", "x"], True, True)
    assert config["HostConfig"]["LogConfig"] == {"Type": "none"}
    assert names.found({"Id": "abc", "State": "running", "Created": 5, "Labels": config["Labels"]}) is None
    assert config["Labels"][names.APP_ID] == app.app_id, "its app can be taken away with it"


def test_what_is_written_on_a_container_is_read_back() -> None:
    app = new_app("shop")
    config = render.container("inst", rollout(app, 12, unit(IMAGE), attempt=3), 2, "10.213.0.2")
    found = names.found({"Id": "abc", "State": "running", "Created": 5, "Labels": config["Labels"]})
    assert found is not None
    assert (found.app, found.deployment, found.attempt, found.number) == (app, 12, 3, 2)
    assert (found.name, found.address, found.digest) == ("v12-2", "10.213.0.2", f"sha256:{'a' * 64}")
    assert (found.drain_seconds, found.role, found.running) == (2.0, "app", True)


def test_a_container_with_broken_labels_is_none_of_ours() -> None:
    assert names.found({"Id": "abc", "State": "running", "Created": 5, "Labels": {"loco/app": "x"}}) is None
    assert names.found({"Id": "abc", "State": "running", "Created": 5, "Labels": None}) is None
