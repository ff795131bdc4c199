"""A .env file, as everybody reads them: quotes, escapes, comments, `export`, several lines. Nothing is filled in.

What is wrong is told with its line, and never with what stands there.
"""

import io
from collections.abc import Callable

from loco_spec import variables
from loco_spec.errors import FieldFault, UsageError


def read(raw: bytes, *, source: str, note: Callable[[str], None]) -> dict[str, str]:
    """Give the variables in the order of the file; of one that stands there twice the last, said by `note`.

    Raises:
        UsageError: with all lines that are no assignments.
    """
    from dotenv.parser import parse_stream

    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{source} is not a text in UTF-8", hint="loco variables import .env") from None
    found: dict[str, str] = {}
    lines: dict[str, int] = {}
    faults: list[FieldFault] = []
    for item in parse_stream(io.StringIO(text, newline="")):
        whole = item.original.string
        line = item.original.line + whole[: len(whole) - len(whole.lstrip())].count("\n")
        if item.error:
            faults.append(_fault(line, "this is no assignment, or a quote is not closed"))
        elif item.key is None:  # a comment
            continue
        elif not variables.is_name(item.key):
            faults.append(_fault(line, "the name is not one: A-Z, a-z, 0-9 and _, no digit first"))
        elif item.value is None:
            faults.append(_fault(line, "a name without a value; for an empty one write NAME="))
        else:
            why = variables.fault(item.key, item.value)
            if why is not None:
                faults.append(_fault(line, f"{item.key}: {why}"))
            if item.key in found:
                note(f"{source} has {item.key} twice, in lines {lines[item.key]} and {line}; the last one counts")
            found[item.key], lines[item.key] = item.value, line
    if faults:
        count = len(faults)
        raise UsageError(
            f"{source} has {count} line{'s' if count > 1 else ''} that cannot be taken; nothing was set",
            hint="correct the file, then: loco variables import",
            fields=faults,
        )
    return found


def _fault(line: int, message: str) -> FieldFault:
    return FieldFault(path=f"line {line}", message=message)
