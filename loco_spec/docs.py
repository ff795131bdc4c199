"""The documentation that comes with loco: read offline by the CLI, served by the server."""

from pathlib import Path

_HERE = Path(__file__).parent


def folder() -> Path:
    """Give where the pages are: in the package when it was installed, beside it in a checkout."""
    packed = _HERE / "docs"
    return packed if packed.is_dir() else _HERE.parent / "docs"


def pages() -> tuple[str, ...]:
    """Give the names of all pages: `errors.md`, `loco.toml`."""
    return tuple(sorted(path.name for path in folder().iterdir() if path.suffix in {".md", ".toml"}))


def page(name: str) -> str | None:
    """Give a page's text; None for a name that is none."""
    return (folder() / name).read_text(encoding="utf-8") if name in pages() else None


def sections(text: str) -> dict[str, str]:
    """Give the parts of a page under its second- and third-level headings, by the heading in lower case."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith(("## ", "### ")):
            name = line.lstrip("# ").lower()
        if name:
            found.setdefault(name, []).append(line)
    return {name: "\n".join(lines).strip() + "\n" for name, lines in found.items()}


def tables(text: str) -> dict[str, str]:
    """Give the parts of the reference of loco.toml, by the name of their table; `name` stands for those before it."""
    found: dict[str, list[str]] = {}
    name = "top"
    for line in text.splitlines():
        if line.startswith("["):
            name = line.split("]")[0].strip("[")
        found.setdefault(name, []).append(line)
    return {name: "\n".join(lines).strip() + "\n" for name, lines in found.items()}
