"""What a folder tells of the app in it: its port, its user, what it is made with. Reads files, runs nothing."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from loco_cli.dockerfile import Stage, read

USER = 10001
DEFAULT_PORT = 8080


@dataclass(frozen=True)
class Framework:
    name: str
    port: int
    release: tuple[str, ...] = ()
    """What is run before traffic, as a suggestion."""


@dataclass(frozen=True)
class Seen:
    """What was found, and from where."""

    port: int = DEFAULT_PORT
    port_from: str = ""
    other_ports: tuple[int, ...] = ()
    needs_user: bool = False
    framework: Framework | None = None
    languages: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


# The file in which a language's packages stand, and what is left out of a build context for it.
LANGUAGES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "node": (("package.json",), ("node_modules", "**/node_modules", ".next", ".nuxt", ".svelte-kit", "npm-debug.log*")),
    "python": (
        ("requirements.txt", "pyproject.toml", "Pipfile", "setup.py"),
        (".venv", "venv", "**/__pycache__", "**/*.pyc", ".pytest_cache", ".mypy_cache", ".ruff_cache"),
    ),
    "ruby": (("Gemfile",), ("log/*", "tmp/*", "vendor/bundle", ".bundle")),
    "go": (("go.mod",), ("bin",)),
    "rust": (("Cargo.toml",), ("target",)),
    "java": (("pom.xml", "build.gradle", "build.gradle.kts"), ("target", "build", ".gradle")),
    "php": (("composer.json",), ("vendor",)),
    "elixir": (("mix.exs",), ("_build", "deps")),
}

# In the order in which they are looked for: what stands on something else comes before it.
FRAMEWORKS: Mapping[str, tuple[tuple[str, Framework], ...]] = {
    "node": tuple(
        (package, Framework(name, port))
        for package, name, port in (
            ("next", "Next.js", 3000),
            ("nuxt", "Nuxt", 3000),
            ("@sveltejs/kit", "SvelteKit", 3000),
            ("@remix-run/node", "Remix", 3000),
            ("astro", "Astro", 4321),
            ("@nestjs/core", "NestJS", 3000),
            ("fastify", "Fastify", 3000),
            ("express", "Express", 3000),
            ("koa", "Koa", 3000),
        )
    ),
    "python": (
        ("django", Framework("Django", 8000, ("python", "manage.py", "migrate"))),
        ("streamlit", Framework("Streamlit", 8501)),
        ("gradio", Framework("Gradio", 7860)),
        ("fastapi", Framework("FastAPI", 8000)),
        ("flask", Framework("Flask", 5000)),
        ("starlette", Framework("Starlette", 8000)),
    ),
    "ruby": (
        ("rails", Framework("Rails", 3000, ("bin/rails", "db:migrate"))),
        ("sinatra", Framework("Sinatra", 4567)),
    ),
    "php": (("laravel/framework", Framework("Laravel", 8000, ("php", "artisan", "migrate", "--force"))),),
    "elixir": (("phoenix", Framework("Phoenix", 4000)),),
    "rust": (("rocket", Framework("Rocket", 8000)),),
    "java": (("spring-boot", Framework("Spring Boot", 8080)),),
}

_COMMON_IGNORED = (".git", ".gitignore", ".env", ".env.*", "!.env.example", "*.pem", "*.key", ".DS_Store", "loco.toml")
_PORT_FLAG = re.compile(
    r"(?:--port|--http-port|-p)[=\s\",]+([0-9]{2,5})\b|(?:[0-9.]+|\[?::\]?|localhost)?:([0-9]{2,5})\b"
)


def look(folder: Path) -> Seen:
    """Look at a folder."""
    languages = tuple(name for name, (files, _) in LANGUAGES.items() if any((folder / f).is_file() for f in files))
    framework = next((found for name in languages if (found := _framework(folder, name)) is not None), None)
    dockerfile = folder / "Dockerfile"
    if not dockerfile.is_file():
        note = f"there is no Dockerfile in {folder} yet, and loco deploy builds from one"
        port = framework.port if framework is not None else DEFAULT_PORT
        return Seen(port, framework.name if framework else "", (), False, framework, languages, (note,))
    stage = read(dockerfile.read_text(encoding="utf-8", errors="replace"))
    ports, source = _ports(stage, framework)
    return Seen(ports[0], source, ports[1:], stage.runs_as_root, framework, languages)


def config(seen: Seen, *, name: str, schema: str) -> str:
    """Give the text of a loco.toml: only what is not the default anyway."""
    lines = [f"#:schema {schema}", f'name = "{name}"']
    if seen.port != DEFAULT_PORT:
        lines.append(f"port = {seen.port}  # {seen.port_from}")
    if seen.other_ports:
        lines.append(f"# EXPOSE names {', '.join(map(str, seen.other_ports))} too: loco docs ports")
    if seen.needs_user:
        lines += ["", "[security]", f"user = {USER}  # the Dockerfile has no USER, and loco runs nothing as root"]
    if seen.framework is not None and seen.framework.release:
        command = json.dumps(list(seen.framework.release))
        lines += ["", "# [deploy]", f"# release_command = {command}  # with the new image, before traffic"]
    return "\n".join(lines) + "\n"


def ignore(seen: Seen) -> str:
    """Give the text of a .dockerignore."""
    own = [pattern for name in seen.languages for pattern in LANGUAGES[name][1]]
    return (
        "\n".join(
            [
                "# Not sent to the build. Patterns are from this folder on; ** is any number of folders.",
                *_COMMON_IGNORED,
                *own,
            ]
        )
        + "\n"
    )


def _ports(stage: Stage, framework: Framework | None) -> tuple[tuple[int, ...], str]:
    """Give the ports, the one that listens first, and what told them."""
    if stage.exposed:
        return stage.exposed, "EXPOSE in the Dockerfile"
    told = stage.environment.get("PORT", "")
    if told.isdigit() and 0 < int(told) < 65536:
        return (int(told),), "ENV PORT in the Dockerfile"
    for match in _PORT_FLAG.finditer(stage.command):
        port = int(match[1] or match[2])
        if 0 < port < 65536:
            return (port,), "the Dockerfile's command"
    if framework is not None:
        return (framework.port,), f"what {framework.name} listens on"
    return (DEFAULT_PORT,), ""


def _framework(folder: Path, language: str) -> Framework | None:
    text = ""
    for file in LANGUAGES[language][0]:
        if (folder / file).is_file():
            text += (folder / file).read_text(encoding="utf-8", errors="replace").lower()
    for package, framework in FRAMEWORKS.get(language, ()):
        if re.search(rf"(?<![\w/@.-]){re.escape(package)}(?![\w/-])", text):
            return framework
    return None
