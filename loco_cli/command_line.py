"""Run one command line, and the one catch: an error becomes a message, a next step and an exit code."""

import os
import re
import sys
from collections.abc import Sequence

from loco_cli import help  # noqa: A004  the page, not the built-in
from loco_spec.exits import Exit

_TOKEN = re.compile(r"\b(loco_[a-z]+_)\w+")


def run(argv: Sequence[str]) -> int:
    """Run one command; give its exit code."""
    code: int = Exit.OK
    try:
        own = argv[: argv.index("--")] if "--" in argv else argv  # what follows is another program's
        code = _run(argv, as_json="--json" in own)
        sys.stdout.flush()
    except BrokenPipeError:
        _nobody_reads()
    except OSError as e:  # as in `loco apps > FILE` on a full disk
        _nobody_reads()
        print(f"error: the result cannot be written: {e.strerror}", file=sys.stderr)  # noqa: T201
        code = Exit.FAILED
    return code


def _run(argv: Sequence[str], *, as_json: bool) -> int:
    code = help.shown(argv)
    if code is not None:
        return code

    from typer.exceptions import Abort, TyperException

    from loco_cli.main import app

    try:
        code = int(app()(args=list(argv), prog_name="loco", standalone_mode=False) or Exit.OK)
    except TyperException as e:  # a slip in the command line; Typer words it
        return _usage(e, as_json=as_json)
    except (KeyboardInterrupt, Abort):  # Abort: Ctrl-D at a question
        code = Exit.INTERRUPTED
    except BrokenPipeError:
        raise
    except SystemExit as e:
        if isinstance(e.__context__, BrokenPipeError):  # what Typer makes of one
            raise e.__context__ from None
        raise
    except Exception as e:  # noqa: BLE001  the one catch
        return _failed(e, as_json=as_json)
    if code == Exit.INTERRUPTED:  # also what Typer makes of a Ctrl-C
        print("interrupted", file=sys.stderr)  # noqa: T201
    return code


def _nobody_reads() -> None:
    """Whoever read stdout has enough: let the interpreter not stumble over the same pipe once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(error: Exception, *, as_json: bool) -> int:
    # Typer repeats what it has no place for, and `loco login TOKEN` is a slip that is easily made.
    if isinstance(message := getattr(error, "message", None), str):
        error.message = _TOKEN.sub(r"\1***", message)  # type: ignore[attr-defined]
    if as_json:
        from loco_spec.errors import UsageError

        return _failed(
            UsageError(str(getattr(error, "format_message", lambda: error)()), hint="loco --help"), as_json=True
        )
    show = getattr(error, "show", None)
    if callable(show):
        show()
    return Exit.USAGE


def _failed(error: Exception, *, as_json: bool) -> int:
    from loco_cli.ui import errors
    from loco_spec.errors import LocoError

    if os.environ.get("LOCO_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    found = error if isinstance(error, LocoError) else errors.defect(error)
    try:
        errors.show(found, as_json=as_json)
    except BrokenPipeError:
        _nobody_reads()
    return int(found.exit_code)
