import pytest

from loco_server.policy import base_images
from loco_server.policy.base_images import BaseImage

ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def test_entries_are_read_in_their_order() -> None:
    text = f'[[base]]\nname = "debian:12"\nlayers = ["{ONE}"]\n\n[[base]]\nname = "x"\nlayers = ["{ONE}", "{TWO}"]\n'
    assert base_images.parse(text) == (BaseImage("debian:12", (ONE,)), BaseImage("x", (ONE, TWO)))


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (f'layers = ["{ONE}"]', 'line 6: expected a name such as "debian:12"'),
        (f'name = " "\nlayers = ["{ONE}"]', "line 6: expected a name"),
        ('name = "x"', "line 6: expected layers"),
        ('name = "x"\nlayers = []', "line 6: expected layers"),
        ('name = "x"\nlayers = ["sha256:12"]', "line 6: expected the id of a layer"),
        ('name = "x"\nlayers = [12]', "line 6: expected the id of a layer"),
        (f'name = "x"\nlayer = ["{ONE}"]', 'line 6: unknown key "layer"'),
        ("name = ", "line 7"),
    ],
)
def test_a_fault_is_told_with_its_line(entry: str, said: str) -> None:
    text = f'# the first\n[[base]]\nname = "debian:12"\nlayers = ["{ONE}"]\n\n[[base]]\n{entry}\n'
    with pytest.raises(ValueError, match=said.replace("[", r"\[")):
        base_images.parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at least one"),
        ("base = []", "at least one"),
        ('base = "debian"', "at least one"),
        ('bases = ["debian"]', 'unknown key "bases"'),
        ('base = ["debian"]', r"base\[0\]: expected a table"),
        ("base = [{}]", r"base\[0\]: expected a name"),
    ],
)
def test_a_file_that_would_allow_nothing_or_anything_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        base_images.parse(text)
