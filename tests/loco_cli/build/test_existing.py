"""Which image a reference means: the registry's, or the engine's own. The engine is a table here."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from loco_cli.build.engine import Engine, SourceError
from loco_cli.build.existing import Existing
from loco_cli.build.image import Options
from loco_spec.errors import ImageRefused, ImageUnavailable

AMD, ARM = "linux/amd64", "linux/arm64"
DIGEST, MOVED, ID = (f"sha256:{digit * 64}" for digit in "123")
WHERE = "http://127.0.0.1:7070 ann/shop"


class Table:
    """An engine with images, and registries with tags; what was asked of the registries is kept."""

    def __init__(self) -> None:
        self.images: dict[str, dict[str, Any]] = {}
        self.registry: dict[str, str | SourceError] = {}
        self.platforms = [{"os": "linux", "architecture": "amd64"}]
        self.asked: list[str] = []
        self.pulled: list[tuple[str, str, str | None]] = []
        self.records: list[dict[str, Any]] = [{"id": "a", "status": "Pull complete"}]

    def has(self, name: str, *, pulled_as: str | None = None, architecture: str = "amd64", id_: str = ID) -> None:
        self.images[name] = {
            "Id": id_,
            "Os": "linux",
            "Architecture": architecture,
            "RepoDigests": [f"{pulled_as}@{DIGEST}"] if pulled_as else [],
        }

    def inspect(self, image: str) -> dict[str, Any] | None:
        return self.images.get(image)

    def resolve(self, reference: str) -> dict[str, Any]:
        self.asked.append(reference)
        found = self.registry.get(reference, SourceError(404, "manifest unknown"))
        if isinstance(found, SourceError):
            raise found
        return {"Descriptor": {"digest": found}, "Platforms": self.platforms}

    def pull(self, repository: str, digest: str, platform: str | None) -> Iterator[dict[str, Any]]:
        self.pulled.append((repository, digest, platform))
        yield from self.records
        self.has(f"{repository}@{digest}", architecture=(platform or AMD).partition("/")[2], id_="sha256:pulled")


@pytest.fixture
def table() -> Table:
    return Table()


def resolved(
    table: Table, text: str, *, only_registry: bool = False, platform: str | None = AMD
) -> tuple[Existing, list[str]]:
    found, said = Existing(text, Options(args={}, pull=only_registry)), list[str]()
    found.resolve(cast("Engine", table), platform, said.append)
    return found, said


def image(table: Table, found: Existing) -> str:
    return found.image(cast("Engine", table), working=lambda _: None)


def test_a_registrys_tag_is_pulled_by_the_digest_that_it_has_now(table: Table) -> None:
    table.registry["ghcr.io/acme/shop:1.4"] = DIGEST
    found, said = resolved(table, "ghcr.io/acme/shop:1.4")
    assert said == [f"ghcr.io/acme/shop:1.4 is {DIGEST}"]
    table.registry["ghcr.io/acme/shop:1.4"] = MOVED  # too late: what was shown is what is deployed
    assert image(table, found) == "sha256:pulled"
    assert table.pulled == [("ghcr.io/acme/shop", DIGEST, AMD)]


def test_without_tag_and_digest_latest_is_meant(table: Table) -> None:
    table.registry["postgres:latest"] = DIGEST
    resolved(table, "postgres")
    assert table.asked == ["postgres:latest"]


def test_what_the_engine_has_of_that_digest_is_not_pulled_again_unless_it_is_for_another_platform(table: Table) -> None:
    table.registry["ghcr.io/acme/shop:1"] = DIGEST
    table.has(f"ghcr.io/acme/shop@{DIGEST}")
    found, _ = resolved(table, "ghcr.io/acme/shop:1")
    assert (image(table, found), table.pulled) == (ID, [])
    table.has(f"ghcr.io/acme/shop@{DIGEST}", architecture="arm64")
    assert image(table, found) == "sha256:pulled"


@pytest.mark.parametrize("name", ["ghcr.io/acme/shop:1", "postgres:17"])
def test_a_copy_that_was_pulled_once_does_not_hide_a_tag_that_moved(table: Table, name: str) -> None:
    table.has(name, pulled_as=name.partition(":")[0])
    table.registry[name] = MOVED
    assert resolved(table, name)[1] == [f"{name} is {MOVED}"]


def test_a_name_with_a_registry_is_the_registrys_even_if_an_image_was_given_it_here(table: Table) -> None:
    table.has("ghcr.io/acme/shop:1")
    table.registry["ghcr.io/acme/shop:1"] = DIGEST
    assert resolved(table, "ghcr.io/acme/shop:1")[1] == [f"ghcr.io/acme/shop:1 is {DIGEST}"]


def test_a_short_name_that_was_made_here_and_never_pulled_asks_nobody(table: Table) -> None:
    table.has("shop:dev")
    table.registry["shop:dev"] = MOVED  # a stranger's
    found, said = resolved(table, "shop:dev")
    assert (image(table, found), table.asked, table.pulled) == (ID, [], [])
    assert said == ["shop:dev is the engine's own image 333333333333"]


def test_a_digest_that_the_engine_has_asks_nobody_unless_it_is_for_another_platform(table: Table) -> None:
    name = f"ghcr.io/acme/shop@{DIGEST}"
    table.has(name)
    assert image(table, resolved(table, name)[0]) == ID
    assert table.asked == []
    table.registry[name] = DIGEST
    table.platforms.append({"os": "linux", "architecture": "arm64"})
    assert image(table, resolved(table, name, platform=ARM)[0]) == "sha256:pulled"


def test_with_pull_only_the_registry_is_asked(table: Table) -> None:
    table.has("shop:dev")
    with pytest.raises(ImageUnavailable):
        resolved(table, "shop:dev", only_registry=True)
    assert table.asked == ["shop:dev"]


UNAUTHORIZED = SourceError(500, "Head https://ghcr.io/v2/acme/shop/manifests/1: unauthorized")
AWAY = SourceError(500, 'Get "https://ghcr.io/v2/": dial tcp: lookup ghcr.io: no such host')
HUB = SourceError(404, "pull access denied for acme/shop, repository does not exist or may require 'docker login'")


@pytest.mark.parametrize(
    ("error", "said", "hint"),
    [
        (SourceError(404, "manifest unknown"), "ghcr.io has no such image", "correct image in loco.toml"),
        (SourceError(403, "forbidden"), "no access", "docker login ghcr.io"),
        (UNAUTHORIZED, "no access", "docker login ghcr.io"),
        (HUB, "no access", "docker login ghcr.io"),
        (AWAY, "no such host", "docker pull ghcr.io/acme/shop:1"),
        (SourceError(None, "Credentials store error: docker-credential-x not installed"), "docker-credential-x", ""),
    ],
)
def test_an_image_that_cannot_be_had_says_why_and_a_copy_of_the_engines_stands_in(
    table: Table, error: SourceError, said: str, hint: str
) -> None:
    table.registry["ghcr.io/acme/shop:1"] = error
    with pytest.raises(ImageUnavailable, match=r"^ghcr.io/acme/shop:1 cannot be pulled: ") as caught:
        resolved(table, "ghcr.io/acme/shop:1")
    assert said in caught.value.message
    assert hint in caught.value.hint
    table.has("ghcr.io/acme/shop:1", pulled_as="ghcr.io/acme/shop")
    found, told = resolved(table, "ghcr.io/acme/shop:1")
    assert image(table, found) == ID
    assert told == [f"{caught.value.message}; the engine's own copy is used: 333333333333"]


def test_an_image_for_other_platforms_is_refused_before_it_is_pulled(table: Table) -> None:
    table.registry["ghcr.io/acme/shop:1"] = DIGEST
    table.platforms = [
        {"os": "linux", "architecture": "arm64", "variant": "v8"},
        {"os": "windows", "architecture": "x"},
    ]
    with pytest.raises(ImageRefused, match="linux/arm64, windows/x"):
        resolved(table, "ghcr.io/acme/shop:1")
    resolved(table, "ghcr.io/acme/shop:1", platform=None)  # an older server says nothing of its platform


@pytest.mark.parametrize(
    "record", [{"error": "manifest unknown"}, {"errorDetail": {"message": "unauthorized: authentication required"}}]
)
def test_an_error_in_the_middle_of_a_pull_is_told(table: Table, record: dict[str, Any]) -> None:
    table.registry["ghcr.io/acme/shop:1"] = DIGEST
    table.records = [{"id": "a", "status": "Downloading", "progressDetail": {"current": 1, "total": 2}}, record]
    found, _ = resolved(table, "ghcr.io/acme/shop:1")
    with pytest.raises(ImageUnavailable, match=r"unknown|unauthorized"):
        image(table, found)


def test_what_was_pushed_last_is_remembered_for_that_very_image_and_place(table: Table) -> None:
    name = "ghcr.io/acme/shop:1"
    table.registry[name] = DIGEST
    found, _ = resolved(table, name)
    assert found.pushed(WHERE) is None
    found.remember_pushed(WHERE, "sha256:ours")
    found.remember_pushed("elsewhere", "sha256:theirs")
    again, _ = resolved(table, name)
    assert (again.pushed(WHERE), again.pushed("elsewhere")) == ("sha256:ours", "sha256:theirs")
    table.registry[name] = MOVED
    moved, _ = resolved(table, name)
    assert moved.pushed(WHERE) is None
    moved.remember_pushed(WHERE, "sha256:newer")
    assert moved.pushed("elsewhere") is None
