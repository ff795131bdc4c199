"""docs/cli.md: every command of `loco`, read off the commands themselves."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from completions.tree import first_line

from docs.markdown import code, table
from loco_cli.lazy import real
from loco_cli.main import ALIASES, COMMANDS, app

HEAD = """\
# The command line

Every command of `loco`, with its arguments and options. Generated from the commands by `scripts/gen-docs`: do not edit.

`loco COMMAND --help` tells the same. Every command also takes `-h`, `--help`. What was done goes to stderr, the result
to stdout; `--json` makes the result one for programs. [Exit codes](errors.md) say what happened.

"""
_EXAMPLES = "<!-- not run: the names in it are made up; that its commands and options are there is looked at -->"


def page(written: str) -> str:
    del written
    root = app()
    rows = [(f"[{code(f'loco {name}')}](#loco-{name})", line) for name, (_, line) in COMMANDS.items()]
    lines = table(("command", "what it does"), rows)
    lines += ["## loco", "", *_details(root, ("loco",))]
    for name, (module, _) in COMMANDS.items():
        lines += _command(real(name, module), ("loco", name))
    return HEAD + "\n".join(lines).rstrip() + "\n"


def _command(found: Any, path: tuple[str, ...]) -> Iterator[str]:
    yield f"{'#' * len(path)} {' '.join(path)}"
    yield ""
    names = [alias for alias, name in ALIASES.items() if path == ("loco", name)]
    if names:
        yield f"Also {', '.join(code(f'loco {name}') for name in names)}."
        yield ""
    yield from _details(found, path)
    for name, each in getattr(found, "commands", {}).items():
        yield from _command(each, (*path, name))


def _details(found: Any, path: tuple[str, ...]) -> Iterator[str]:
    yield from _prose(found.help)
    yield from ["```text", usage(found, path), "```", ""]
    shared = getattr(found, "shared", ()) if len(path) > 1 else ()
    shown = [each for each in found.params if not getattr(each, "hidden", False) and each not in shared]
    arguments = [each for each in shown if each.param_type_name == "argument"]
    options = [each for each in shown if each.param_type_name == "option"]
    rows = [(code(_metavar(each)), first_line(each.help or "."), _default(each)) for each in arguments]
    yield from table(("argument", "meaning", "default"), rows)
    rows = [(_names(each), _meaning(each), _default(each)) for each in options]
    yield from table(("option", "meaning", "default"), rows)
    if shared:
        names = ", ".join(code(max(each.opts, key=len)) for each in shared)
        yield from [f"And {names}: [everywhere](#loco).", ""]
    if not hasattr(found, "commands"):
        yield from _examples(getattr(found, "examples", ()))


def usage(found: Any, path: tuple[str, ...]) -> str:
    """Give the line of usage, as --help has it, but for its width."""
    return " ".join([*path, *found.collect_usage_pieces(found.context_class(found))])


def _prose(text: str | None) -> Iterator[str]:
    """Help has paragraphs; what is indented in one, or is a command, is an example."""
    for part in textwrap.dedent((text or "").replace("\b\n", "")).strip().split("\n\n"):
        examples = [line for line in part.splitlines() if line.startswith((" ", "loco "))]
        words = [line for line in part.splitlines() if line not in examples]
        if words:
            yield from [*textwrap.wrap(" ".join(words), 120), ""]
        yield from _examples(textwrap.dedent("\n".join(examples)).splitlines())


def _examples(lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from [_EXAMPLES, "", "```sh", *lines, "```", ""]


def _metavar(found: Any) -> str:
    if choices := getattr(found.type, "choices", None):
        return "|".join(map(str, choices))
    if found.metavar:
        return str(found.metavar)
    return {"int": "NUMBER", "integer": "NUMBER"}.get(found.type.name, str(found.name).upper())


def _names(found: Any) -> str:
    names = sorted((*found.opts, *found.secondary_opts), key=len)
    value = "" if found.is_flag or found.count else f" {_metavar(found)}"
    return ", ".join(code(name + value) for name in names)


def _meaning(found: Any) -> str:
    text = " ".join((found.help or "").split())
    return f"{text} From the environment: {code(str(found.envvar))}." if found.envvar else text


def _default(found: Any) -> str:
    """What stands for it where nothing is said: in words, or the value."""
    if found.required:
        return "needed"
    if isinstance(found.show_default, str):
        return found.show_default
    if found.default in {None, False, ""} or callable(found.default) or found.show_default is False:
        return ""
    return code(str(found.default))
