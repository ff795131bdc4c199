import pytest

from loco_spec import image_rules
from loco_spec.errors import ImageRefused


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("linux", "amd64", None), "linux/amd64"),
        (("linux", "amd64", ""), "linux/amd64"),
        (("linux", "arm64", "v8"), "linux/arm64"),
        (("linux", "arm", "v7"), "linux/arm/v7"),
    ],
)
def test_a_variant_counts_where_it_tells_machines_apart(parts: tuple[str, str, str | None], name: str) -> None:
    assert image_rules.platform_name(*parts) == name


@pytest.mark.parametrize(
    ("built", "way_out"), [(True, 'platform = "linux/arm64"'), (False, "name an image in loco.toml")]
)
def test_an_image_of_other_platforms_is_refused_with_all_of_them_and_the_way_out(built: bool, way_out: str) -> None:
    image_rules.platform(["linux/amd64", "linux/arm64"], "linux/arm64", built=built)
    with pytest.raises(ImageRefused, match=r"linux/amd64, linux/386, and .* linux/arm64") as caught:
        image_rules.platform(["linux/amd64", "linux/386"], "linux/arm64", built=built)
    assert way_out in caught.value.hint
    with pytest.raises(ImageRefused, match="no platform"):
        image_rules.platform([], "linux/arm64", built=built)


@pytest.mark.parametrize(("user", "uid"), [("10001", 10001), ("10001:10001", 10001), ("1:0", 1), ("007", 7)])
def test_a_numeric_user_is_taken_as_it_is(user: str, uid: int) -> None:
    assert image_rules.named_user(user) is None
    assert image_rules.user_id(user, override=None, looked_up=None, built=True) == uid
    image_rules.user_before_push(user, override=None, built=True)


def test_a_named_user_or_group_with_a_number_that_is_too_large_is_refused() -> None:
    with pytest.raises(ImageRefused, match="is the largest number there is"):
        image_rules.user_id("app", override=None, looked_up=2**31, built=True)
    with pytest.raises(ImageRefused, match="is the largest number there is"):
        image_rules.group_id("1:app", looked_up=2**31)


def test_a_named_user_is_taken_as_looked_up_and_passes_before_the_push() -> None:
    assert image_rules.named_user("app:app") == "app"
    assert image_rules.user_id("app:app", override=None, looked_up=812, built=True) == 812
    image_rules.user_before_push("app:app", override=None, built=True)


def test_digits_of_another_script_are_a_name() -> None:
    assert image_rules.named_user("\N{SUPERSCRIPT TWO}") == "\N{SUPERSCRIPT TWO}"


def test_a_named_user_that_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(ImageRefused, match='user "app"'):
        image_rules.user_id("app", override=None, looked_up=None, built=True)


@pytest.mark.parametrize("user", ["", "0", "0:5", "00", "root", "root:app"])
@pytest.mark.parametrize("built", [True, False])
def test_root_is_refused_before_and_after_the_push_with_what_can_be_done(user: str, built: bool) -> None:
    with pytest.raises(ImageRefused, match="runs as root") as before:
        image_rules.user_before_push(user, override=None, built=built)
    with pytest.raises(ImageRefused, match="runs as root") as after:
        image_rules.user_id(user, override=None, looked_up=0, built=built)
    assert before.value.hint == after.value.hint
    assert "user = 10001 under [security]" in after.value.hint
    assert ("USER 10001" in after.value.hint) == built


def test_the_spec_overrides_the_image_user() -> None:
    assert image_rules.user_id("root", override=10001, looked_up=None, built=True) == 10001
    image_rules.user_before_push("", override=10001, built=True)


def test_a_size_of_exactly_the_limit_passes_and_one_byte_more_does_not() -> None:
    for rule in (image_rules.stored_size, image_rules.unpacked_size):
        rule(1000, 1000)
        with pytest.raises(ImageRefused, match=r"1.0 KB (compressed|unpacked); the limit is 999 B"):
            rule(1000, 999)


@pytest.mark.parametrize("number", ["2147483648", "99999999999999999999999"])
def test_a_number_that_no_kernel_knows_is_refused(number: str) -> None:
    with pytest.raises(ImageRefused, match=r"runs as user .* 2147483647 is the largest"):
        image_rules.user_id(number, override=None, looked_up=None, built=True)
    with pytest.raises(ImageRefused, match="runs as group"):
        image_rules.group_id(f"1:{number}", looked_up=None)


@pytest.mark.parametrize(
    ("user", "looked_up", "group"),
    [("10001:20002", None, 20002), ("1:0", None, 0), ("app:app", 812, 812), ("10001", None, None), ("1:", None, None)],
)
def test_a_group_is_kept_and_none_is_left_to_the_image(user: str, looked_up: int | None, group: int | None) -> None:
    assert image_rules.group_id(user, looked_up=looked_up) == group


def test_a_named_group_that_the_image_does_not_know_is_refused_by_name() -> None:
    assert image_rules.named_group("10001:staff") == "staff"
    with pytest.raises(ImageRefused, match='group "staff"') as caught:
        image_rules.group_id("10001:staff", looked_up=None)
    assert "USER 10001:10001" in caught.value.hint
