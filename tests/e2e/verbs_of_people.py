"""What the verbs about people, teams and what they may do are tried with."""

from tests.e2e.verb_world import Run, World, away, plain, verb

plain("teams members", "--team", "acme")


@verb("events")
def events(world: World) -> Run:
    team = world.team(f"audit{world.count('audit')}")
    with world.stack.client() as client:
        client.post(f"/v1/teams/{team}/invitations", json={"role": "viewer"})
    return Run(["events", "--team", team], world.home)


@verb("login")
def login(world: World) -> Run:
    world.only_two_teams()
    return Run(["login"], world.home, home=world.alone())


@verb("logout")
def logout(world: World) -> Run:
    home = world.alone()
    world.stack.loco("login", HOME=str(home))
    away(world.stack, home)
    return Run(["logout"], world.home, home=home)


@verb("account sessions")
def account_sessions(world: World) -> Run:
    world.stack.loco("account", "revoke", "--all-others")
    world.stack.loco("login", HOME=str(world.alone()))
    return Run(["account", "sessions"], world.home)


@verb("account revoke")
def account_revoke(world: World) -> Run:
    world.stack.loco("login", HOME=str(world.alone()))
    other = next(each["id"] for each in world.listed("account", "sessions") if not each["current"])
    return Run(["account", "revoke", other], world.home)


@verb("account delete")
def account_delete(world: World) -> Run:
    """In a pipe nobody can be asked."""
    confirmed = ["--confirm", "cleo"] if world.way == "json" else []
    return Run(["account", "delete", *confirmed], world.home, home=world.somebody("cleo"), typed="cleo")


@verb("teams create")
def teams_create(world: World) -> Run:
    return Run(["teams", "create", f"new{world.count('new')}"], world.home)


@verb("teams list")
def teams_list(world: World) -> Run:
    world.only_two_teams()
    return Run(["teams", "list"], world.home)


@verb("whoami")
def whoami(world: World) -> Run:
    world.only_two_teams()
    return Run(["whoami"], world.home)


@verb("account show")
def account_show(world: World) -> Run:
    world.only_two_teams()
    return Run(["account", "show"], world.home)


@verb("teams invite")
def teams_invite(world: World) -> Run:
    return Run(["teams", "invite", "--role", "developer", "--team", "corp"], world.home)


@verb("teams invitations")
def teams_invitations(world: World) -> Run:
    for each in world.listed("teams", "invitations", "--team", "acme"):
        world.stack.loco("teams", "invitations", "--revoke", each["id"], "--team", "acme")
    world.stack.loco("teams", "invite", "--role", "developer", "--note", "for Bob", "--team", "acme")
    return Run(["teams", "invitations", "--team", "acme"], world.home)


@verb("teams join")
def teams_join(world: World) -> Run:
    """In a pipe by who is in it already."""
    team = world.team(f"joined{world.count('joined')}")
    home = world.somebody("bob", team=team if world.way == "piped" else "")
    return Run(["teams", "join", world.invitation(team)], world.home, home=home)


@verb("teams role")
def teams_role(world: World) -> Run:
    """In a pipe refused: a team keeps an owner."""
    team = world.team(f"ranked{world.count('ranked')}")
    world.somebody("bob", team=team)
    user, role = (world.stack.json("whoami")["user"], "viewer") if world.way == "piped" else ("bob", "developer")
    return Run(["teams", "role", user, role, "--team", team], world.home)


@verb("teams remove")
def teams_remove(world: World) -> Run:
    """In a pipe somebody who is not in it."""
    team = world.team(f"thinned{world.count('thinned')}")
    world.somebody("bob", team="" if world.way == "piped" else team)
    return Run(["teams", "remove", "bob", "--team", team], world.home)


@verb("teams leave")
def teams_leave(world: World) -> Run:
    """In a pipe by its only owner, which is refused."""
    team = world.team(f"left{world.count('left')}")
    home = None if world.way == "piped" else world.somebody("bob", team=team)
    return Run(["teams", "leave", team], world.home, home=home)


@verb("teams delete")
def teams_delete(world: World) -> Run:
    team = world.team(f"old{world.count('old')}")
    return Run(["teams", "delete", team, *(["--yes"] if world.way in {"json", "down"} else [])], world.home, typed=team)


@verb("tokens create")
def tokens_create(world: World) -> Run:
    return Run(["tokens", "create", "ci", "--can", "deploy", "--team", "corp"], world.home)


@verb("tokens list")
def tokens_list(world: World) -> Run:
    if not world.listed("tokens", "list", "--team", "acme"):
        world.stack.loco("tokens", "create", "ci", "--can", "deploy", "--expires", "90d", "--team", "acme")
        world.stack.loco("tokens", "create", "dashboard", "--can", "read", "--expires", "12h", "--team", "acme")
    return Run(["tokens", "list", "--team", "acme"], world.home)


@verb("tokens revoke")
def tokens_revoke(world: World) -> Run:
    made = world.stack.json("tokens", "create", "ci", "--can", "deploy", "--team", "corp")
    return Run(["tokens", "revoke", made["access"]["id"], "--team", "corp"], world.home)


RULE = ["--issuer", "github", "--repository", "acme/shop", "--repository-id", "1234", "--owner-id", "56"]


@verb("trust add")
def trust_add(world: World) -> Run:
    return Run(["trust", "add", *RULE, "--team", "corp"], world.home)


@verb("trust list")
def trust_list(world: World) -> Run:
    if not world.listed("trust", "list", "--team", "acme"):
        world.stack.loco("trust", "add", *RULE, "--ref", "refs/tags/*", "--team", "acme")
    return Run(["trust", "list", "--team", "acme"], world.home)


@verb("trust remove")
def trust_remove(world: World) -> Run:
    rule = world.stack.json("trust", "add", *RULE, "--ref", f"b{world.count('ref')}", "--team", "corp")
    return Run(["trust", "remove", rule["id"], "--team", "corp"], world.home)
