"""Each result as people read it: a function a type."""

import json
import re
import sys
from functools import singledispatch

from pydantic import BaseModel

from loco_cli.ui.errors import lines, never_served, pointed, short, told
from loco_cli.ui.results import (
    CompletionChanged,
    Deployed,
    Diagnosed,
    Effective,
    Forwarded,
    LoggedIn,
    LoggedOut,
    Opened,
    Page,
    SentFiles,
    Setting,
    Started,
    Validated,
    Versions,
)
from loco_cli.ui.text import ago, columns, page, safe, until, wrapped
from loco_spec import api
from loco_spec.events import ENDED, NEVER_SERVED
from loco_spec.values import human_bytes


@singledispatch
def human(value: BaseModel) -> list[str]:
    """Give the lines to print."""
    return [f"{key}: {safe(str(item))}" for key, item in value.model_dump(mode="json").items()]


@human.register
def _(value: api.Me) -> list[str]:
    teams = [f"  {safe(team.name)} ({safe(team.role)})" for team in value.teams]
    found = [f"{safe(value.user)}, in {len(teams)} team{'s' if len(teams) != 1 else ''}:", *teams]
    token = value.token
    if token is not None and token.can is None:
        found.append(f"signed in {until(value.expires_at)}, longer with each use")
    elif token is not None:
        place = "/".join(part for part in (token.team, token.app) if part)
        words = f"{token.name or token.id}: {token.can} in {place}"
        found.append(f"by token {safe(words)}, {until(value.expires_at)}")
    return found


@human.register
def _(value: LoggedIn) -> list[str]:
    return [f"signed in to {value.server} as {safe(value.me.user)}; the token is in {value.kept_in}"]


@human.register
def _(value: LoggedOut) -> list[str]:
    return [f"signed out of {value.server}"]


@human.register
def _(value: Versions) -> list[str]:
    return [f"loco    {value.client}", f"server  {safe(value.server or 'not reached')} ({value.url})"]


@human.register
def _(value: CompletionChanged) -> list[str]:
    put = value.change == "installed"
    if not value.changed:
        return [f"loco is completed in {value.shell} {f'already: {value.script}' if put else 'by nothing of ours'}"]
    words = ("wrote", "added some lines to") if put else ("removed", "took our lines out of")
    done = [f"{words[path != value.script]} {path}" for path in value.changed]
    undo = f"undo: loco completion uninstall {value.shell}"
    return [*done, f"every new {value.shell} completes loco; {undo}"] if put else done


@human.register
def _(value: Opened) -> list[str]:
    return [safe(value.url)]


@human.register
def _(value: Forwarded) -> list[str]:
    return [f"{value.address} -> {safe(value.instance)}:{value.port}; Ctrl-C ends it"]


@human.register
def _(value: api.BuildLog) -> list[str]:
    return [safe(line) for line in value.text.split("\n")[:-1]]


@human.register
def _(value: Deployed) -> list[str]:
    item = value.deployment
    if value.unchanged:
        found = [f"v{item.number} is live, nothing changed"]
    elif item.state == "replaced":
        found = [f"v{item.number} was live, and is replaced by now; loco status"]
    elif item.state == "live":
        found = [f"v{item.number} is live after {value.seconds:.1f} s"]
    else:
        found = [f"v{item.number} is {safe(item.state)}; follow it with: loco deploy --attach v{item.number}"]
    found += [f"  {safe(url)}" for url in item.urls]
    if item.urls and ".localhost" in item.urls[0]:
        found.append("  (browsers and curl find *.localhost; other programs may not)")
    return found


@human.register
def _(value: SentFiles) -> list[str]:
    found = [
        f"{'' if item.kind == 'folder' else human_bytes(item.size):>10}  {safe(item.path)}"
        f"{'/' if item.kind == 'folder' else ''}"
        for item in value.files
    ]
    count = sum(item.kind == "file" for item in value.files)
    return [*found, f"{human_bytes(value.total):>10}  in {count} file{'s' if count != 1 else ''}"]


@human.register
def _(value: api.Apps) -> list[str]:
    if not value.apps:
        return ["no apps yet; the first one: loco deploy"]
    width = max(len(item.app) for item in value.apps)
    return [
        f"{safe(item.app):<{width}}  {f'v{item.live} live' if item.live else 'not live':<10}"
        f"  {_newest(item):<10}  {' '.join(safe(url) for url in item.urls)}".rstrip()
        for item in value.apps
    ]


def _newest(item: api.AppSummary) -> str:
    """What was cancelled changed nothing: beside what is live it is no news."""
    return "" if item.live is not None and item.state == "cancelled" else safe(item.state)


@human.register
def _(value: api.AppStatus) -> list[str]:
    found = [f"{safe(value.app)} of team {safe(value.team)}"]
    if value.suspended is not None:
        found.append(f"  {safe(value.suspended)}; nothing of it runs (ask the operator)")
    found += [f"  {safe(url)}" for url in value.urls]
    if value.live is not None:
        found.append(f"live: v{value.live.number} by {safe(value.live.created_by)}, {ago(value.live.live_at)}")
    else:
        found.append("live: nothing; loco deploy")
    newest = value.latest
    if newest is not None and (value.live is None or newest.number != value.live.number):
        more = f": {safe(newest.reason)}" if newest.reason else ""
        if newest.state not in ENDED and newest.state_at is not None:
            more = f", for {ago(newest.state_at).removesuffix(' ago')}; loco deploy --attach v{newest.number}"
        found.append(f"newest: v{newest.number} {safe(newest.state)} by {safe(newest.created_by)}{more}")
        if newest.diagnosis is not None:
            found += [*short(newest.diagnosis), f"  next: {safe(newest.diagnosis.hint)}"]
            found.append(f"  more: loco doctor v{newest.number}")
    for item in value.instances:
        restarts = f", {item.restarts} restart{'s' if item.restarts > 1 else ''}" if item.restarts else ""
        reason = f" ({safe(item.reason)})" if item.reason else ""
        found.append(f"  {safe(item.name):<8} {safe(item.state)}{reason}, started {ago(item.started_at)}{restarts}")
        if item.diagnosis is not None:
            found += [f"    {safe(item.diagnosis.message)}", f"    more: loco doctor v{item.deployment}"]
    return found


@human.register
def _(value: Diagnosed) -> list[str]:
    item, width = value.deployment, columns(sys.stdout)
    if item.state in NEVER_SERVED:
        return lines(never_served(item), width)
    found = [line for each in value.told for line in told(item, each, width)]
    return found or [f"v{item.number} is {safe(item.state)}; nothing is wrong with it"]


@human.register
def _(value: api.Destroyed) -> list[str]:
    return [f"{safe(value.app)} of team {safe(value.team)} is gone"]


@human.register
def _(value: Validated) -> list[str]:
    found = [line for fault in value.warnings for line in pointed(fault, mark="warning: ")]
    if value.file is None:
        return [*found, f"there is no loco.toml; the defaults make the app {value.app}"]
    doubts = f", with {len(value.warnings)} warning{'s' if len(value.warnings) > 1 else ''}" if value.warnings else ""
    return [*found, f"{value.file} is valid{doubts}"]


@human.register
def _(value: Page) -> list[str]:
    topics = f"topics: {', '.join(value.topics)}, a table of loco.toml, or an error's code"
    width = columns(sys.stdout)
    broken = width is not None and value.topic not in {"loco.toml", "top"} and value.text.startswith("#")
    return [*(page(value.text, width or 0) if broken else value.text.splitlines()), "", *wrapped(topics, width)]


@human.register
def _(value: Started) -> list[str]:
    found = [f"wrote {path}" for path in value.written]
    found += [f"  {safe(line)}" for line in value.text.splitlines()]
    return [*found, *(f"note: {safe(note)}" for note in value.notes), f"next: {value.next}"]


@human.register
def _(value: Effective) -> list[str]:
    """TOML again, with where each value came from as a comment."""
    pairs: list[tuple[str, str]] = [_assigned("server", value.server), ("", "")]
    table = ""
    for item in value.settings:
        above, _, key = item.key.rpartition(".")
        if above != table:
            table = above
            array = re.fullmatch(r"(.*)\[\d+\]", table)
            pairs += [("", ""), (f"[[{array[1]}]]" if array else f"[{table}]", "")]
        pairs.append(_assigned(key, item))
    width = min(40, max(len(left) for left, _ in pairs))
    return [safe(f"{left:<{width}}  # {right}") if right else safe(left) for left, right in pairs]


def _assigned(key: str, item: Setting) -> tuple[str, str]:
    if item.value is None:
        return f"# {key}", item.source
    return f"{key} = {json.dumps(item.value, ensure_ascii=False)}", item.source
