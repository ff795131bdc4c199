import pytest

from loco_cli.attached import Streams
from loco_spec.errors import UsageError


@pytest.mark.parametrize("verb", ["exec", "run"])
def test_without_a_terminal_there_is_no_shell_and_the_verb_wants_a_command(verb: str) -> None:
    with pytest.raises(UsageError, match="there is no terminal here") as error:
        Streams(verb, None, stdin=None, tty=False)
    assert error.value.hint == f"loco {verb} -- CMD..."
    assert Streams(verb, ["env"], stdin=None, tty=False).command == ("env",)
