"""Trust rules, and the identity tokens of jobs that have been used."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from loco_server.records.database import Database
from loco_server.records.tables import APPS, TEAMS, USERS
from loco_server.records.tables_access import TRUST_RULES, USED_IDENTITY_TOKENS
from loco_server.records.values import TrustRuleRecord

_SELECT = (
    select(TRUST_RULES, APPS.c.name.label("app"), USERS.c.login.label("creator"))
    .join(USERS, USERS.c.id == TRUST_RULES.c.created_by)
    .outerjoin(APPS, APPS.c.id == TRUST_RULES.c.app_id)
)


class TrustRules:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, rule: TrustRuleRecord) -> None:
        async with self._database.write() as db:
            await db.execute(
                insert(TRUST_RULES).values(
                    id=rule.id,
                    team_id=rule.team_id,
                    app_id=rule.app_id,
                    issuer=rule.issuer,
                    audience=rule.audience,
                    repository=rule.repository,
                    claims=dict(rule.claims),
                    created_by=rule.created_by,
                    created_at=rule.created_at,
                )
            )

    async def of_team(self, team_id: str) -> list[TrustRuleRecord]:
        """Oldest first."""
        async with self._database.read() as db:
            rows = await db.execute(
                _SELECT.where(TRUST_RULES.c.team_id == team_id).order_by(TRUST_RULES.c.created_at, TRUST_RULES.c.id)
            )
            return [_record(row) for row in rows]

    async def of_team_named(self, team: str) -> list[TrustRuleRecord]:
        """None at all for a team that is not there."""
        async with self._database.read() as db:
            rows = await db.execute(
                _SELECT.join(TEAMS, TEAMS.c.id == TRUST_RULES.c.team_id)
                .where(TEAMS.c.name == team)
                .order_by(TRUST_RULES.c.created_at, TRUST_RULES.c.id)
            )
            return [_record(row) for row in rows]

    async def remove(self, team_id: str, rule_id: str) -> bool:
        """Tell whether there was one."""
        async with self._database.write() as db:
            done = await db.execute(
                delete(TRUST_RULES).where(TRUST_RULES.c.team_id == team_id, TRUST_RULES.c.id == rule_id)
            )
            return bool(done.rowcount)

    async def use(self, issuer: str, jti: str, *, until: datetime) -> bool:
        """Use an identity token up. Of all who try, at the same time too, one hears yes.

        It is remembered until it has ended by itself; those that have are forgotten here.
        """
        try:
            async with self._database.write() as db:
                await db.execute(
                    delete(USED_IDENTITY_TOKENS).where(USED_IDENTITY_TOKENS.c.expires_at < datetime.now(UTC))
                )
                await db.execute(insert(USED_IDENTITY_TOKENS).values(issuer=issuer, jti=jti, expires_at=until))
        except IntegrityError:
            return False
        return True


def _record(row: Any) -> TrustRuleRecord:
    return TrustRuleRecord(
        id=row.id,
        team_id=row.team_id,
        app_id=row.app_id,
        app=row.app,
        issuer=row.issuer,
        audience=row.audience,
        repository=row.repository,
        claims=row.claims,
        created_by=row.created_by,
        creator=row.creator,
        created_at=row.created_at,
    )
