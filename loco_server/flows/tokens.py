"""Access tokens for machines: made, listed, revoked. Each time one is used its maker bounds what it may do."""

from datetime import UTC, datetime, timedelta

from loco_server.flows.login import Caller
from loco_server.policy import membership, tokens
from loco_server.policy.permissions import Permission, allows
from loco_server.records.apps import Apps
from loco_server.records.change import tell
from loco_server.records.people import People
from loco_server.records.tokens import ListedToken, Tokens
from loco_server.records.values import TeamRecord
from loco_server.settings import Limits
from loco_spec import tokens as wire
from loco_spec.errors import NotFound, Refused


class ManageTokens:
    def __init__(self, *, limits: Limits, people: People, apps: Apps, tokens: Tokens) -> None:
        self._limits = limits
        self._people = people
        self._apps = apps
        self._tokens = tokens

    async def create(self, caller: Caller, team: TeamRecord, role: str, asked: wire.TokenCreate) -> wire.TokenCreated:
        """Make a token, whose text is in the answer and nowhere else.

        Raises:
            NotAllowed: it could do more than its maker.
            NotFound: the team has no such app.
            Refused: the team has as many as it may.
        """
        membership.make_token(role, asked.can)
        app = None if asked.app is None else await self._apps.find(team.id, asked.app)
        if asked.app is not None and app is None:
            raise NotFound(f"team {team.name} has no app {asked.app}", hint="loco apps")
        most = self._limits.tokens_per_team
        if await self._tokens.count(team.id) >= most:
            raise Refused(f"team {team.name} has {most} access tokens, the most it may", hint="loco tokens revoke ID")
        made = tokens.new("access")
        tell(subject=f"{asked.name} ({made.id})", app=asked.app, can=asked.can)
        expires_at = datetime.now(UTC) + timedelta(seconds=wire.lifetime_seconds(asked.expires))
        created_at = await self._people.add_token(
            made.id,
            caller.user.id,
            kind="access",
            sha256=made.sha256,
            expires_at=expires_at,
            name=asked.name,
            team_id=team.id,
            app_id=None if app is None else app.id,
            can=asked.can,
        )
        access = wire.AccessToken(
            id=made.id,
            name=asked.name,
            team=team.name,
            app=asked.app,
            can=asked.can,
            made_by=caller.user.login,
            created_at=created_at,
            expires_at=expires_at,
        )
        return wire.TokenCreated(access=access, token=made.text)

    async def list(self, team: TeamRecord) -> wire.AccessTokens:
        found = await self._tokens.of_team(team.id)
        return wire.AccessTokens(tokens=tuple(_access(team, each) for each in found))

    async def revoke(self, caller: Caller, team: TeamRecord, role: str, token_id: str) -> None:
        """End a token at once: one's own, and anybody's for who manages the team.

        Raises:
            NotFound: there is none such, or it is somebody else's.
        """
        mine_alone = None if allows(role, Permission.TEAM_MANAGE) else caller.user.id
        if not await self._tokens.revoke(team.id, token_id, of=mine_alone):
            raise NotFound(
                f"there is no access token {token_id} that you may revoke", hint=f"loco tokens list --team {team.name}"
            )
        if (found := await self._people.token(token_id)) is not None:
            tell(subject=f"{found.name} ({token_id})", app=found.app)


def _access(team: TeamRecord, item: ListedToken) -> wire.AccessToken:
    return wire.AccessToken(
        id=item.id,
        name=item.name,
        team=team.name,
        app=item.app,
        can=item.can,
        made_by=item.made_by,
        created_at=item.created_at,
        expires_at=item.expires_at,
        used_at=item.used_at,
        used_from=item.used_from,
    )
