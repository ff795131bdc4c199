"""Trust in CI jobs: the rules, what a job gets for its identity, and from where an app may be deployed."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from loco_server.flows.login import Caller, Login, refuse_suspended
from loco_server.identity.base import Believed, Down, IdentityTokens, Unbelievable
from loco_server.policy import allowed, permissions, tokens, trust
from loco_server.policy.trust import FORGES, Miss
from loco_server.records.apps import Apps
from loco_server.records.change import tell
from loco_server.records.people import People, TokenRecord
from loco_server.records.trust import TrustRules
from loco_server.records.values import AppRecord, TeamRecord, TrustRuleRecord, UserRecord
from loco_spec import names
from loco_spec import trust as wire
from loco_spec.api import SignedIn
from loco_spec.errors import NotAllowed, NotFound, NotSignedIn, ProviderDown, Refused, UsageError

TOKEN = timedelta(minutes=15)
_RULES_MAX = 200
_JTI_MAX = 200
_NAME_MAX = 80


class Trust:
    """`issuers`: URL → the kind of forge; `repositories`: those that may be trusted. The settings' lists."""

    def __init__(
        self,
        *,
        issuers: Mapping[str, str],
        repositories: Sequence[str],
        identity_tokens: IdentityTokens,
        login: Login,
        people: People,
        apps: Apps,
        rules: TrustRules,
    ) -> None:
        self._issuers = issuers
        self._repositories = repositories
        self._identity_tokens = identity_tokens
        self._login = login
        self._people = people
        self._apps = apps
        self._rules = rules

    async def exchange(self, request: wire.CiLogin) -> SignedIn:
        """Give a job a token of fifteen minutes for its identity.

        It acts as the rule's maker, with no more than `deploy`, in the rule's team or app alone.

        Raises:
            NotSignedIn: the identity token is not to be believed, or was used.
            NotAllowed: the operator does not list the repository, no rule trusts the job, or its maker is not allowed
                to deploy any more.
            ProviderDown: the issuer's keys cannot be had.
        """
        found = await self._identity_tokens.read(request.token)
        if isinstance(found, Down):
            raise ProviderDown(found.reason, hint="run the job again, a little later", retry_after=found.retry_after)
        if isinstance(found, Unbelievable):
            raise NotSignedIn(f"the job's identity token is not believed: {found.reason}", hint="loco docs security")
        kind = self._issuers[found.issuer]
        forge = FORGES[kind]
        repository_id, owner_id = (str(found.claims.get(name)) for name in forge.ids)
        allowed.repository(
            self._repositories, kind, owner_id, repository_id, trust.job(forge, found.claims)[:_NAME_MAX]
        )
        of_team = await self._rules.of_team_named(request.team)
        matched = trust.match(of_team, forge, found.issuer, found.claims)
        if isinstance(matched, Miss):
            raise _untrusted(request.team, matched)
        makers = await self._makers(matched, request.team)
        rule = trust.chosen([each for each in matched if each.id in makers], request.app)
        if isinstance(rule, Miss):
            raise _untrusted(request.team, rule)
        await self._use_up(found)
        return await self._token(rule, makers[rule.id], name=trust.job(forge, found.claims)[:_NAME_MAX])

    async def add(self, team: TeamRecord, by: Caller, request: wire.TrustRuleAdd) -> wire.TrustRule:
        """Trust a repository's jobs from now on, to act as whoever adds the rule.

        Raises:
            UsageError: the server does not believe that issuer.
            NotAllowed: the operator lists repositories, and this one is not among them.
            NotFound: the app is not there.
        """
        url, kind = self._issuer(request.issuer)
        forge = FORGES[kind]
        allowed.repository(self._repositories, kind, request.owner_id, request.repository_id, request.repository)
        app = None
        if request.app is not None:
            app = await self._apps.find(team.id, request.app)
            if app is None:
                raise NotFound(f"team {team.name} has no app {request.app}", hint="loco apps")
        if len(await self._rules.of_team(team.id)) >= _RULES_MAX:
            raise Refused(
                f"team {team.name} has {_RULES_MAX} trust rules, the most it may have", hint="loco trust list"
            )
        rule = TrustRuleRecord(
            id=names.new_id(),
            team_id=team.id,
            app_id=None if app is None else app.id,
            app=None if app is None else app.name,
            issuer=url,
            audience=request.audience,
            repository=request.repository,
            claims=trust.wanted(
                forge,
                repository_id=request.repository_id,
                owner_id=request.owner_id,
                ref=request.ref,
                environment=request.environment,
                actors=request.actors,
            ),
            created_by=by.user.id,
            creator=by.user.login,
            created_at=datetime.now(UTC),
        )
        tell(subject=f"{rule.repository} ({rule.id})", app=rule.app)
        await self._rules.add(rule)
        return _shown(rule)

    async def rules(self, team: TeamRecord) -> wire.TrustRules:
        return wire.TrustRules(rules=tuple(_shown(rule) for rule in await self._rules.of_team(team.id)))

    async def remove(self, team: TeamRecord, rule_id: str) -> wire.TrustRuleRemoved:
        """Stop trusting; what a job holds already ends within its fifteen minutes.

        Raises:
            NotFound: the team has no such rule.
        """
        tell(subject=" ".join(each.repository for each in await self._rules.of_team(team.id) if each.id == rule_id))
        if not await self._rules.remove(team.id, rule_id):
            raise NotFound(f"team {team.name} has no trust rule {rule_id}", hint="loco trust list")
        return wire.TrustRuleRemoved(id=rule_id)

    async def require(self, app: AppRecord, request: wire.SourceSet) -> wire.Source:
        """Decide from where an app may be deployed.

        Raises:
            NotFound: somebody on the list is not in the team.
        """
        ids = await self._people.logins_of(app.team_id)
        for login in request.allow:
            if login not in ids:
                raise NotFound(f"team {app.team} has no member {login}", hint="loco teams members")
        allow = tuple(dict.fromkeys(request.allow)) if request.source == "ci" else ()
        tell(source=request.source, allow=list(allow))
        await self._apps.set_source(app.id, request.source, [ids[login] for login in allow])
        return wire.Source(team=app.team, app=app.name, source=request.source, allow=allow)

    async def source(self, app: AppRecord) -> wire.Source:
        ids = await self._people.logins_of(app.team_id)
        allow = tuple(sorted(login for login, id_ in ids.items() if id_ in app.deployers))
        return wire.Source(team=app.team, app=app.name, source=app.source, allow=allow)

    def _issuer(self, asked: str) -> tuple[str, str]:
        for url, kind in self._issuers.items():  # the public ones come first
            if asked in {url, kind}:
                return url, kind
        raise UsageError(
            f"this server does not believe the issuer {asked}; it believes: {', '.join(self._issuers)}",
            hint="--issuer github",
        )

    async def _makers(self, rules: Sequence[TrustRuleRecord], team: str) -> dict[str, UserRecord]:
        """Give the makers of the rules that are of use; one that is not stands in no other's way."""
        found: dict[str, UserRecord] = {}
        refused: NotAllowed | None = None
        for rule in rules:
            try:
                found[rule.id] = await self._maker(rule, team)
            except NotAllowed as e:
                refused = refused or e
        if refused is not None and not found:
            raise refused
        return found

    async def _maker(self, rule: TrustRuleRecord, team: str) -> UserRecord:
        """Nobody gives what they do not have any more."""
        user = await self._people.user(rule.created_by)
        membership = None if user is None else await self._people.membership(user.id, team)
        if (
            user is None
            or membership is None
            or not permissions.allows(membership[1], permissions.Permission.APP_DEPLOY)
        ):
            raise NotAllowed(
                f"the rule of {rule.creator} is of no use: they may not deploy in team {team} any more",
                hint="an admin of the team: loco trust remove, loco trust add",
            )
        refuse_suspended(user)
        return user

    async def _use_up(self, token: Believed) -> None:
        jti = token.claims.get("jti")
        if not isinstance(jti, str) or not 0 < len(jti) <= _JTI_MAX:
            raise NotSignedIn("the job's identity token has no id (jti)", hint="loco docs security")
        until = datetime.fromtimestamp(token.ends_at, UTC)
        if not await self._rules.use(token.issuer, jti, until=until):
            raise NotSignedIn(
                "the job's identity token was used before; it works once", hint="ask for a new one: loco login --ci"
            )

    async def _token(self, rule: TrustRuleRecord, user: UserRecord, *, name: str) -> SignedIn:
        made = tokens.new("ci")
        record = TokenRecord(
            id=made.id,
            user=user,
            kind="ci",
            sha256=made.sha256,
            expires_at=datetime.now(UTC) + TOKEN,
            revoked_at=None,
            name=name,
            team_id=rule.team_id,
            app_id=rule.app_id,
            can="deploy",
        )
        who = Caller(user, record)
        tell(actor=who.name, subject=who.name, team_id=rule.team_id, app=rule.app, token_id=record.id, rule=rule.id)
        await self._people.add_token(
            record.id,
            user.id,
            kind=record.kind,
            sha256=record.sha256,
            expires_at=record.expires_at,
            name=record.name,
            team_id=record.team_id,
            app_id=record.app_id,
            can=record.can,
        )
        return SignedIn(token=made.text, me=await self._login.me(who))


def _untrusted(team: str, miss: Miss) -> NotAllowed:
    return NotAllowed(f"team {team}: {miss.reason}", hint="loco trust list, loco trust add")


def _shown(rule: TrustRuleRecord) -> wire.TrustRule:
    return wire.TrustRule(
        id=rule.id,
        issuer=rule.issuer,
        audience=rule.audience,
        repository=rule.repository,
        claims={name: value if isinstance(value, str) else list(value) for name, value in rule.claims.items()},
        app=rule.app,
        created_by=rule.creator,
        created_at=rule.created_at,
    )
