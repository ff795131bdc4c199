"""Fresh records for a test: on SQLite, and on PostgreSQL too where a folder's conftest asks for both."""

import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from loco_server.records import schema
from loco_server.records.accounts import Accounts
from loco_server.records.apps import Apps
from loco_server.records.audit import Audit
from loco_server.records.claims import Claims
from loco_server.records.database import Database
from loco_server.records.deployments import Deployments
from loco_server.records.events import Events
from loco_server.records.facts import Facts
from loco_server.records.invitations import Invitations
from loco_server.records.people import People
from loco_server.records.quotas import Quotas
from loco_server.records.teams import Teams
from loco_server.records.tokens import Tokens
from loco_server.records.uses import Uses
from loco_server.records.values import AppRecord, TeamRecord
from loco_server.records.variables import Variables
from loco_server.records.wake import Wake
from loco_server.sealing import Keyring, new_key
from loco_server.units import UnitRoute
from loco_spec import names
from loco_spec.kinds.service import Service
from tests.postgres import Postgres


class Records:
    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.wake = Wake()
        self.people = People(self.database)
        self.apps = Apps(self.database)
        self.deployments = Deployments(self.database, self.wake)
        self.claims = Claims(self.database, self.wake)
        self.events = Events(self.database, self.wake)
        self.facts = Facts(self.database)
        self.keyring = Keyring([new_key()])
        self.variables = Variables(self.database, self.keyring, digest_key=b"d" * 32)
        self.teams = Teams(self.database)
        self.invitations = Invitations(self.database)
        self.tokens = Tokens(self.database)
        self.accounts = Accounts(self.database)
        self.audit = Audit(self.database, self.wake)
        self.quotas = Quotas(self.database)
        self.uses = Uses(self.database)

    async def team(self, login: str = "ann") -> TeamRecord:
        user = await self.people.signed_in("local", login, login)
        return (await self.people.teams(user.id))[0][0]

    async def app(self, name: str = "shop", login: str = "ann") -> AppRecord:
        team = await self.team(login)
        made = AppRecord(
            id=names.new_id(), team_id=team.id, team=team.name, name=name, pull_generation=1, created_at=NOW
        )
        return await self.apps.create(made)

    async def accepted(self, app: AppRecord, *, host: str | None = None, spec: Service | None = None) -> int:
        """Give the number of a new deployment that waits for the worker."""
        item = await self.deployments.create(
            app,
            spec or Service(name=app.name),
            [route(host or f"{app.name}.localhost")],
            action="deploy",
            created_by="ann",
        )
        await self.deployments.accept(app, item.number, digest=DIGEST, user_id=10001, of="created")
        return item.number


NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64


def route(host: str, path: str = "/") -> UnitRoute:
    return UnitRoute(host=host, path=path, port="http", strip_prefix=False)


def sqlite_url(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder}/loco.db"


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Empty records to copy: migrating takes a hundred times as long."""
    folder = tmp_path_factory.mktemp("migrated")
    schema.upgrade(sqlite_url(folder))
    return folder / "loco.db"


@pytest.fixture
def records_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """Where a test's own records are: migrated, and empty."""
    shutil.copy(migrated_sqlite, tmp_path)
    return sqlite_url(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def records_url_of_each(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a test's own records are, once on each database."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path)
        yield sqlite_url(tmp_path)
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        name = names.new_id()
        yield postgres.make(name, template="migrated")
        postgres.drop(name)


@pytest.fixture
async def records(records_url: str) -> AsyncIterator[Records]:
    found = Records(records_url)
    yield found
    await found.database.close()
