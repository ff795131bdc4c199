"""What `loco-server migrate` does: bring records on PostgreSQL to this version's schema."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from loco_server.records import schema
from loco_spec.errors import Conflict, LocoError, UsageError

VARIABLE = "LOCO_DATABASE_URL"
FORM = "postgresql+psycopg://USER@HOST/DATABASE"
_PASSWORDS = ("password", "sslpassword")
"""What the driver takes behind the `?`, too."""


def parsed(text: str) -> URL:
    """Read the URL of a database; `postgresql://` alone means psycopg too.

    Raises:
        UsageError: it is none, or one of another database.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as e:  # its own message would repeat the text, and with it a password
        raise UsageError("the database URL cannot be read", hint=f"its form is {FORM}") from e
    if any("@" in (part or "") for part in (url.host, url.database)):  # the rest of a password, which would be shown
        raise UsageError("the database URL cannot be read", hint="an @ in a password is written %40")
    if url.drivername.startswith("sqlite"):
        raise UsageError(
            "records on SQLite are migrated by the server that has them, at its start", hint="loco-server local"
        )
    if url.drivername not in {"postgresql", "postgresql+psycopg"}:
        raise UsageError(f"records are kept on PostgreSQL or SQLite, not {url.drivername}", hint=f"its form is {FORM}")
    return url.set(drivername="postgresql+psycopg")


def shown(url: str) -> str:
    """Give a URL as it may be shown: without its password."""
    return make_url(url).difference_update_query(_PASSWORDS).render_as_string(hide_password=True)


def current(url: str) -> str | None:
    """Give the schema that the records have; None for an empty database.

    Raises:
        LocoError: the database does not answer, or refuses.
    """
    with told(shown(url)):
        return schema.revision(url)


def has_password(url: URL) -> bool:
    return url.password is not None or any(name in url.query for name in _PASSWORDS)


def migrate(url: URL) -> tuple[str | None, str | None]:
    """Run the missing migrations; give the schema before (None: an empty database) and after.

    Raises:
        Conflict: the records are a newer version's.
        LocoError: the database does not answer, or refuses.
    """
    text = url.render_as_string(hide_password=False)
    where = shown(text)
    with told(where):
        found = schema.revision(text)
        if found is not None and not schema.is_known(found):
            raise Conflict(
                f"the records in {where} were written by a newer loco (schema {found})",
                hint="pip install --upgrade 'loco-deploy[server,postgres]'",
            )
        schema.upgrade(text)
    return found, schema.head()


@contextmanager
def told(where: str) -> Iterator[None]:
    """Raise what the driver raises in the block as a LocoError that names the database."""
    try:
        yield
    except ImportError as e:
        raise LocoError("psycopg is not installed", hint="pip install 'loco-deploy[server,postgres]'") from e
    except OperationalError as e:
        raise LocoError(f"the database {where} does not answer: {_first(e)}", hint="is the URL right?") from e
    except DBAPIError as e:
        raise LocoError(f"the database {where} refused: {_first(e)}", hint="may its user make tables?") from e


def _first(error: DBAPIError) -> str:
    """The driver's own words, of which one line is enough."""
    return next(iter(str(error.orig).strip().splitlines()), type(error.orig).__name__)
