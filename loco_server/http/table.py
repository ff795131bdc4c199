"""Every endpoint, with who may call it. What does not stand here does not exist."""

from loco_server.http import (
    account,
    again,
    apps,
    attach,
    build_logs,
    deployments,
    documents,
    events,
    teams,
    tokens,
    trust,
    variables,
)
from loco_server.http.endpoint import Endpoint
from loco_server.policy.permissions import Permission
from loco_spec import account as account_wire
from loco_spec import again as again_wire
from loco_spec import api, attaching, audit, paths
from loco_spec import teams as teams_wire
from loco_spec import tokens as tokens_wire
from loco_spec import trust as trust_api
from loco_spec import variables as wire
from loco_spec.changes import Plan
from loco_spec.errors import (
    ConfigError,
    Conflict,
    EngineUnavailable,
    ImageRefused,
    NotAllowed,
    NotFound,
    NotSignedIn,
    ProviderDown,
    RegistryUnreachable,
    SignInDisabled,
    SignInExpired,
    SignInPending,
    SignInSlowDown,
)

_DEPLOY = Permission.APP_DEPLOY
_ENTER = Permission.APP_ENTER
_DESTROY = Permission.APP_DESTROY
_EVENTS = Permission.EVENTS_READ
_READ = Permission.APP_READ
_POLICY = Permission.POLICY_READ
_RULE = Permission.POLICY_WRITE
_ACCOUNT = Permission.ACCOUNT
_TOKENS = Permission.TOKENS_MANAGE
_SSE = ("text/event-stream",)

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("GET", paths.SERVER, Permission.PUBLIC, account.server, response=api.Server),
    Endpoint("GET", paths.SCHEMA, Permission.PUBLIC, documents.loco_schema, media=("application/schema+json",)),
    Endpoint("GET", paths.OPENAPI, Permission.PUBLIC, documents.api_document, media=("application/json",)),
    Endpoint("GET", paths.DOCS, Permission.PUBLIC, documents.page, media=("text/plain",)),
    Endpoint(
        "POST",
        paths.LOGIN,
        Permission.PUBLIC,
        account.login,
        api.LoginStart,
        api.LoginPrompt,
        action="login.start",
        errors=(SignInDisabled, ProviderDown),
    ),
    Endpoint(
        "POST",
        paths.LOGIN_CI,
        Permission.PUBLIC,
        trust.login_ci,
        trust_api.CiLogin,
        api.SignedIn,
        action="login.ci",
        errors=(NotSignedIn, NotAllowed, ProviderDown),
    ),
    Endpoint(
        "POST",
        paths.LOGIN_FINISH,
        Permission.PUBLIC,
        account.login_finish,
        api.LoginFinish,
        api.SignedIn,
        action="login",
        errors=(NotSignedIn, NotAllowed, SignInPending, SignInSlowDown, SignInExpired, ProviderDown),
    ),
    Endpoint("DELETE", paths.SESSION, Permission.SIGNED_IN, account.logout, status=204, action="logout"),
    Endpoint("GET", paths.ME, Permission.SIGNED_IN, account.me, response=api.Me),
    Endpoint("GET", paths.APPS, _READ, apps.apps, response=api.Apps),
    Endpoint("GET", paths.APP, _READ, apps.app, response=api.AppStatus),
    Endpoint("DELETE", paths.APP, _DESTROY, apps.destroy, response=api.Destroyed, action="app.destroy"),
    Endpoint("GET", paths.LOGS, _READ, apps.logs, query=api.LogsQuery, media=_SSE),
    Endpoint(
        "GET",
        paths.DEPLOYMENTS,
        _READ,
        deployments.deployments,
        response=api.Deployments,
        query=api.DeploymentsQuery,
    ),
    Endpoint(
        "POST",
        paths.DEPLOYMENTS,
        _DEPLOY,
        deployments.create,
        api.DeploymentCreate,
        api.DeploymentCreated,
        status=201,
        action="deployment.create",
        makes_app=True,
        errors=(ConfigError, ImageRefused),
    ),
    Endpoint(
        "POST",
        paths.PLAN,
        _READ,
        deployments.plan,
        api.DeploymentCreate,
        Plan,
        makes_app=True,
        looks=True,
        errors=(ConfigError,),
    ),
    Endpoint("GET", paths.DEPLOYMENT, _READ, deployments.deployment, response=api.DeploymentShown),
    Endpoint(
        "POST",
        paths.IMAGE,
        _DEPLOY,
        deployments.image,
        api.ImagePushed,
        api.Deployment,
        action="deployment.image",
        errors=(ConfigError, ImageRefused, RegistryUnreachable),
    ),
    Endpoint("POST", paths.CANCEL, _DEPLOY, deployments.cancel, api.Cancel, api.Deployment, action="deployment.cancel"),
    Endpoint(
        "GET", paths.EVENTS, _READ, deployments.events, None, api.DeploymentEvents, query=api.EventsQuery, media=_SSE
    ),
    Endpoint("PUT", paths.BUILD_LOG, _DEPLOY, build_logs.keep, status=204, action="build-log.keep", takes="text/plain"),
    Endpoint("GET", paths.BUILD_LOG, _READ, build_logs.read, response=api.BuildLog),
    Endpoint("GET", paths.NEWEST_BUILD_LOG, _READ, build_logs.newest, response=api.BuildLog),
    Endpoint(
        "POST", paths.REDEPLOY, _DEPLOY, deployments.redeploy, None, api.Deployment, 201, action="deployment.redeploy"
    ),
    Endpoint(
        "GET",
        paths.ROLLBACK,
        _DEPLOY,
        again.look,
        response=again_wire.Rollback,
        query=again_wire.RollbackQuery,
        errors=(Conflict, RegistryUnreachable),
    ),
    Endpoint(
        "POST",
        paths.ROLLBACK,
        _DEPLOY,
        again.rollback,
        again_wire.RollbackStart,
        again_wire.Rollback,
        action="deployment.rollback",
        errors=(ConfigError, RegistryUnreachable),
    ),
    Endpoint(
        "POST",
        paths.SCALE,
        _DEPLOY,
        again.scale,
        again_wire.ScaleChange,
        again_wire.Scaled,
        action="deployment.scale",
        errors=(ConfigError,),
    ),
    # Into a running app.
    Endpoint("GET", paths.EXEC, _ENTER, attach.exec_, attaching.ExecStart, None, 101, action="app.exec", opens=True),
    Endpoint("GET", paths.RUN, _ENTER, attach.run, attaching.RunStart, None, 101, action="app.run", opens=True),
    Endpoint(
        "GET",
        paths.FORWARD,
        _ENTER,
        attach.forward,
        attaching.ForwardStart,
        None,
        101,
        action="app.forward",
        opens=True,
    ),
    Endpoint(
        "GET",
        paths.ENTRANCE,
        _ENTER,
        attach.entrance,
        response=attaching.Entrance,
        query=attaching.EntranceQuery,
        errors=(Conflict, EngineUnavailable),
    ),
    Endpoint("GET", paths.VARIABLES, Permission.VARIABLES_READ, variables.current, response=wire.Variables),
    Endpoint(
        "POST",
        paths.VARIABLES,
        Permission.VARIABLES_WRITE,
        variables.change,
        wire.VariablesChange,
        wire.VariablesChanged,
        action="variables.change",
        makes_app=True,
    ),
    Endpoint(
        "GET", paths.VARIABLES_HISTORY, Permission.VARIABLES_READ, variables.history, response=wire.VariablesHistory
    ),
    Endpoint(
        "POST",
        paths.VARIABLES_PURGE,
        Permission.VARIABLES_WRITE,
        variables.purge,
        response=wire.VariablePurged,
        action="variables.purge",
    ),
    Endpoint("GET", paths.TRUST, _POLICY, trust.rules, response=trust_api.TrustRules),
    Endpoint(
        "POST",
        paths.TRUST,
        _RULE,
        trust.add,
        trust_api.TrustRuleAdd,
        trust_api.TrustRule,
        status=201,
        action="trust.add",
    ),
    Endpoint(
        "DELETE", paths.TRUST_RULE, _RULE, trust.remove, response=trust_api.TrustRuleRemoved, action="trust.remove"
    ),
    Endpoint("GET", paths.SOURCE, _POLICY, trust.source, response=trust_api.Source),
    Endpoint("PUT", paths.SOURCE, _RULE, trust.require, trust_api.SourceSet, trust_api.Source, action="trust.require"),
    # One's account.
    Endpoint("GET", paths.ACCOUNT, _ACCOUNT, account.show, response=account_wire.Account),
    Endpoint(
        "POST",
        paths.ACCOUNT_DELETE,
        _ACCOUNT,
        account.delete,
        account_wire.AccountDelete,
        account_wire.AccountDeleted,
        action="account.delete",
    ),
    Endpoint("GET", paths.SESSIONS, _ACCOUNT, account.sessions, response=account_wire.Sessions),
    Endpoint(
        "DELETE",
        paths.SESSIONS,
        _ACCOUNT,
        account.revoke_others,
        response=account_wire.SessionsRevoked,
        action="session.revoke-others",
    ),
    Endpoint("DELETE", paths.ACCOUNT_SESSION, _ACCOUNT, account.revoke_session, status=204, action="session.revoke"),
    # Teams.
    Endpoint("GET", paths.TEAMS, Permission.SIGNED_IN, teams.teams, response=teams_wire.Teams),
    Endpoint(
        "POST",
        paths.TEAMS,
        _ACCOUNT,
        teams.create,
        teams_wire.TeamCreate,
        teams_wire.TeamSummary,
        status=201,
        action="team.create",
    ),
    Endpoint(
        "POST",
        paths.JOIN,
        _ACCOUNT,
        teams.join,
        teams_wire.Join,
        teams_wire.TeamSummary,
        action="team.join",
        errors=(NotFound,),
    ),
    Endpoint("DELETE", paths.TEAM, Permission.TEAM_OWN, teams.delete, status=204, action="team.delete"),
    Endpoint("POST", paths.LEAVE, Permission.TEAM_LEAVE, teams.leave, status=204, action="team.leave"),
    Endpoint("GET", paths.MEMBERS, Permission.TEAM_READ, teams.members, response=teams_wire.Members),
    Endpoint(
        "PATCH",
        paths.MEMBER,
        Permission.TEAM_MANAGE,
        teams.change,
        teams_wire.RoleChange,
        teams_wire.Member,
        action="member.role",
    ),
    Endpoint("DELETE", paths.MEMBER, Permission.TEAM_MANAGE, teams.remove, status=204, action="member.remove"),
    Endpoint("GET", paths.INVITATIONS, Permission.TEAM_READ, teams.invitations, response=teams_wire.Invitations),
    Endpoint(
        "POST",
        paths.INVITATIONS,
        Permission.TEAM_MANAGE,
        teams.invite,
        teams_wire.InvitationCreate,
        teams_wire.InvitationCreated,
        status=201,
        action="invitation.create",
    ),
    Endpoint(
        "DELETE",
        paths.INVITATION,
        Permission.TEAM_MANAGE,
        teams.revoke_invitation,
        status=204,
        action="invitation.revoke",
    ),
    Endpoint(
        "GET", paths.TEAM_EVENTS, _EVENTS, events.events, None, audit.AuditEvents, query=audit.AuditQuery, media=_SSE
    ),
    # Access tokens for machines.
    Endpoint("GET", paths.TOKENS, _TOKENS, tokens.tokens, response=tokens_wire.AccessTokens),
    Endpoint(
        "POST",
        paths.TOKENS,
        _TOKENS,
        tokens.create,
        tokens_wire.TokenCreate,
        tokens_wire.TokenCreated,
        status=201,
        action="token.create",
    ),
    Endpoint("DELETE", paths.TOKEN, _TOKENS, tokens.revoke, status=204, action="token.revoke"),
)
