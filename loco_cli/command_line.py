"""Run one command line, and the one catch: an error becomes a message, a next step and an exit code."""

import errno
import io
import os
import re
import sys
from collections.abc import Sequence

from loco_cli import help  # noqa: A004  the page, not the built-in
from loco_cli.given import GIVEN, from_environment
from loco_spec.exits import Exit

_TOKEN = re.compile(r"\b(loco_[a-z]+_)\w+")


def run(argv: Sequence[str]) -> int:
    """Run one command; give its exit code."""
    GIVEN.set(from_environment())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what a terminal's encoding lacks is no reason to fail
            stream.reconfigure(errors="replace")
    code: int = Exit.OK
    try:
        code = _run(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        _nobody_reads()
    except OSError as e:  # as in `loco apps > FILE` on a full disk
        _nobody_reads()
        print(f"error: the result cannot be written: {e.strerror}", file=sys.stderr)  # noqa: T201
        code = Exit.FAILED
    return code


def _run(argv: Sequence[str]) -> int:
    code = help.shown(argv)
    if code is not None:
        return code
    from typer.exceptions import Abort, TyperException

    from loco_cli.main import app

    try:
        code = int(app()(args=list(argv), prog_name="loco", standalone_mode=False) or Exit.OK)
    except TyperException as e:  # a slip in the command line; Typer words it
        return _usage(e, argv)
    except (KeyboardInterrupt, Abort):  # Abort: Ctrl-D at a question
        code = Exit.INTERRUPTED
    except BrokenPipeError:
        raise
    except OSError as e:
        if e.errno == errno.ENOSPC:  # where stdout is not kept back until the end
            raise
        return _failed(e)
    except SystemExit as e:
        if isinstance(e.__context__, BrokenPipeError):  # what Typer makes of one
            raise e.__context__ from None
        raise
    except Exception as e:  # noqa: BLE001  the one catch
        return _failed(e)
    if code == Exit.INTERRUPTED:  # also what Typer makes of a Ctrl-C
        if GIVEN.get().json:
            from loco_spec.errors import Interrupted

            return _failed(Interrupted("interrupted"))
        print("interrupted", file=sys.stderr)  # noqa: T201
    return code


def _nobody_reads() -> None:
    """Whoever read stdout has enough: let the interpreter not stumble over the same pipe once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(error: Exception, argv: Sequence[str]) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":  # no slip: the help itself
        print(error, file=sys.stderr)  # noqa: T201
        return Exit.USAGE
    from loco_spec.errors import UsageError

    ours = argv[: argv.index("--")] if "--" in argv else argv
    GIVEN.get().json |= "--json" in ours  # which may stand behind the slip
    # Typer repeats what it has no place for, and `loco login TOKEN` is a slip that is easily made.
    message = _TOKEN.sub(r"\1***", str(getattr(error, "format_message", lambda: error)()))
    context = getattr(error, "ctx", None)
    return _failed(UsageError(message, hint=f"{context.command_path if context else 'loco'} --help"))


def _failed(error: Exception) -> int:
    from loco_cli.ui import errors
    from loco_spec.errors import LocoError

    if os.environ.get("LOCO_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    found = error if isinstance(error, LocoError) else errors.defect(error)
    try:
        errors.show(found, as_json=GIVEN.get().json)
    except BrokenPipeError:
        _nobody_reads()
    return int(found.exit_code)
