"""Whether all that there is of an app agrees: records, engine, edge, registry, and what its URL answers."""

import json
import os
import sqlite3
import subprocess
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import docker
import httpx
from sqlalchemy import select

from loco_server.engines.docker import names as labels
from loco_server.records.tables import METADATA
from loco_spec.events import ENDED
from loco_spec.kinds.service import Service
from tests.e2e.stack import Stack

_OF = (labels.APP_ID, labels.DEPLOYMENT, labels.NUMBER)


class Truth:
    """Of one app on one stack, whose team has no other. `texts`: what the image with a digest answers."""

    def __init__(self, stack: Stack, client: docker.DockerClient, app: str) -> None:
        self._stack = stack
        self._client = client
        self._app = app
        self.texts: dict[str, str] = {}

    # --- what there is ------------------------------------------------------------------------------------------

    def rows(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        with closing(sqlite3.connect(self._stack.data_dir / "loco.db", timeout=10)) as db, db:
            db.row_factory = sqlite3.Row
            return db.execute(statement, values).fetchall()

    @property
    def app_id(self) -> str | None:
        found = self.rows("SELECT id FROM apps WHERE name = ?", self._app)
        return str(found[0]["id"]) if found else None

    def deployments(self) -> list[sqlite3.Row]:
        """Oldest first."""
        return self.rows("SELECT * FROM deployments WHERE app_id = ? ORDER BY number", self.app_id)

    def live(self) -> list[int]:
        return [int(row["number"]) for row in self.deployments() if row["state"] == "live"]

    def newest(self) -> sqlite3.Row | None:
        return next(reversed(self.deployments()), None)

    def let_tickets_end(self) -> None:
        """Let the time be over for which a deployment waits for its image: its client has gone."""
        self.rows("UPDATE deployments SET ticket_expires_at = '2000-01-01' WHERE state = 'created'")

    def _engine(self, what: str, **options: Any) -> list[dict[str, Any]]:
        """List the installation's `containers` or `networks`."""
        [row] = self.rows("SELECT value FROM facts WHERE name = 'installation'")
        wanted = {"label": f"{labels.INSTALLATION}={row['value']}"}
        found: list[dict[str, Any]] = getattr(self._client.api, what)(filters=wanted, **options)
        return found

    def _edge(self, name: str) -> Any:
        file = self._stack.data_dir / "edge" / name
        return json.loads(file.read_text()) if file.exists() else {}

    def _registry(self) -> Iterator[str]:
        """The digests that tags lead to, of all apps; one that is being deleted meanwhile may be among them, or not."""
        for folder, _, files in os.walk(self._stack.data_dir / "registry"):  # a folder that has gone is passed over
            link = Path(folder, "link")
            if "link" in files and link.match("_manifests/tags/*/current/link"):
                with suppress(FileNotFoundError):
                    yield link.read_text().strip()

    # --- whether it agrees --------------------------------------------------------------------------------------

    def faults(self, wanted: Collection[int | None]) -> list[str]:
        """Say what is wrong.

        Args:
            wanted: one of these deployments is to be live; 0: the app is there, and nothing live; None: it is gone.
        """
        return [*self._world(), *(self._gone() if self.app_id is None else self._there(wanted))] + (
            ["there is no such app"] if self.app_id is None and None not in wanted else []
        )

    def _world(self) -> Iterator[str]:
        published = self._edge("published.json")
        known = sorted(cluster["name"] for app in published.values() for cluster in app["clusters"])
        has = sorted(cluster["name"] for cluster in self._edge("watched/clusters.json").get("resources", ()))
        if known != has:
            yield f"Envoy has the clusters {has}, published are {known}"
        there = [network["Name"] for network in self._engine("networks")]
        if len(there) != (1 if self.live() else 0):
            yield f"networks: {there}"

    def _there(self, wanted: Collection[int | None]) -> Iterator[str]:
        rows, live = self.deployments(), self.live()
        for row in rows:
            yield from self._row(row)
        if len(live) > 1 or (live or [0])[0] not in wanted:
            yield f"live are {live}, and not one of {wanted}"
        elif not live:
            yield from self._nothing()
        else:
            yield from self._serves(next(row for row in rows if row["number"] == live[0]))
        served = [row["digest"] for row in rows if row["live_at"] is not None]
        if stray := set(self._registry()) - set(served):
            yield f"the registry keeps {stray}, which never served"

    def _serves(self, item: sqlite3.Row) -> Iterator[str]:
        app_id, number = item["app_id"], item["number"]
        claimed = sorted((row["host"], row["path"]) for row in self.rows("SELECT * FROM routes"))
        if claimed != sorted((route["host"], route["path"]) for route in json.loads(item["routes"])):
            yield f"the routes of v{number} are {item['routes']}, and claimed are {claimed}"
        replicas = Service.model_validate_json(item["spec"]).scale.least
        should = [(app_id, str(number), str(each), "running") for each in range(1, replicas + 1)]
        there = self._engine("containers", all=True)
        are = sorted((*(each["Labels"][name] for name in _OF), each["State"]) for each in there)
        if are != should:
            yield f"containers are {are}, and should be {should}"
        addresses = sorted(each["Labels"][labels.ADDRESS] for each in there)
        clusters = self._edge("published.json").get(app_id, {"clusters": []})["clusters"]
        for cluster in clusters:
            leads = sorted(address for address, _ in cluster["endpoints"])
            if leads != addresses or f"-v{number}-" not in cluster["name"]:
                yield f"the edge leads {cluster['name']} to {leads}, and the containers are at {addresses}"
        if (answer := self.answer()) != self.texts[item["digest"]]:
            yield f"the URL answers {answer!r}, and v{number} is {self.texts[item['digest']]!r}"
        if item["digest"] not in set(self._registry()):
            yield f"the registry has no image of v{number}"

    def _row(self, row: sqlite3.Row) -> Iterator[str]:
        name, state = f"v{row['number']}", row["state"]
        if state not in ENDED:
            yield f"{name} is {state}"
            return
        if (row["ended_at"] is None) != (state == "live"):
            yield f"{name} is {state} and ended at {row['ended_at']}"
        asked = "SELECT * FROM events WHERE app_id = ? AND deployment = ? ORDER BY number"
        events = self.rows(asked, row["app_id"], row["number"])
        if [event["number"] for event in events] != list(range(1, row["last_event"] + 1)):
            yield f"{name} has the events {[event['number'] for event in events]} of {row['last_event']}"
        states = [json.loads(event["detail"])["state"] for event in events if event["kind"] == "state"]
        if len(set(states)) != len(states) or states[-1:] != [state]:
            yield f"{name} is {state}, and was told to be {states}"

    def _nothing(self) -> Iterator[str]:
        """Nothing is live, or the app is gone."""
        if there := self._engine("containers", all=True):
            yield f"containers are left: {[container['Names'] for container in there]}"
        if published := self._edge("published.json"):
            yield f"published is {published}"
        if (answer := self.answer()) is not None:
            yield f"the URL answers {answer!r}"

    def _gone(self) -> Iterator[str]:
        yield from self._nothing()
        for table in METADATA.sorted_tables:
            if "app_id" in table.c and self.rows(str(select(table).where(table.c.app_id.is_not(None)))):
                yield f"rows are left in {table.name}"
        if left := list(self._registry()):
            yield f"the registry keeps {left}"
        rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
        for team in self.rows("SELECT id FROM teams"):
            if labels.team_network(team["id"]) in rules:
                yield f"rules of the bridge {labels.team_network(team['id'])} are left"

    def answer(self) -> str | None:
        """What its URL gives; None: that there is nothing."""
        try:
            found = self._stack.get(self._app)
        except httpx.HTTPError as e:
            return repr(e)
        return {200: found.text, 404: None}.get(found.status_code, str(found.status_code))
