"""What loco writes on the objects of Kubernetes, and how it reads it back."""

import hashlib
import hmac
import re
from base64 import b32encode
from collections.abc import Mapping
from typing import Any

from loco_server.engines.base import AppRef, Rollout
from loco_spec import names
from loco_spec.names import LABEL_PREFIX

MANAGER = "loco"
REPLICAS_MANAGER = "loco-replicas"
"""Holds the number of replicas while it goes from loco's hands to those of the autoscaler."""
INSTALLATION = f"{LABEL_PREFIX}installation"
MANAGED = f"{LABEL_PREFIX}managed"
GATEWAY = f"{LABEL_PREFIX}gateway"
TEAM = f"{LABEL_PREFIX}team"
TEAM_ID = f"{LABEL_PREFIX}team-id"
APP = f"{LABEL_PREFIX}app"
APP_ID = f"{LABEL_PREFIX}app-id"
ROLE = f"{LABEL_PREFIX}role"
DEPLOYMENT = f"{LABEL_PREFIX}deployment"
ATTEMPT = f"{LABEL_PREFIX}attempt"
RUN_OF = f"{LABEL_PREFIX}run-of"
"""On a one-off Job, in place of the labels of an app's objects: the installation."""
ATTENDED = f"{LABEL_PREFIX}attended"
"""Its annotation: when (Unix time) a server last was there that somebody is attached by."""
HOSTS = f"{LABEL_PREFIX}hosts"
"""An annotation of the namespace: the hosts that its HTTPRoutes may name, with commas between."""

WORKLOAD = "web"
"""The name of the Deployment, its container, its HPA and its PDB."""
PULL_SECRET = "pull"  # noqa: S105  the name of an object


def namespace(app: AppRef) -> str:
    return names.namespace(app.app, app.app_id)


def service_host(app: AppRef) -> str:
    """Where an app answers the others of its team: the cluster's DNS knows it from every namespace."""
    return f"{app.app}.{namespace(app)}.svc"


def labels(installation: str, app: AppRef) -> dict[str, str]:
    """What every object of an app carries."""
    return {
        "app.kubernetes.io/managed-by": MANAGER,
        MANAGED: "true",
        INSTALLATION: installation,
        TEAM: app.team,
        TEAM_ID: app.team_id,
        APP: app.app,
        APP_ID: app.app_id,
    }


def pod_labels(installation: str, rollout: Rollout, role: str) -> dict[str, str]:
    return {**labels(installation, rollout.app), ROLE: role, DEPLOYMENT: str(rollout.deployment)}


def selector(app: AppRef) -> dict[str, str]:
    """What the app's serving pods have in common; a Deployment can never change it."""
    return {APP_ID: app.app_id, ROLE: "app"}


def service_port(number: int) -> str:
    """Give `p8080`. By the number alone: an app's own name for it may change while requests come."""
    return f"p{number}"


def env_secret(rollout: Rollout) -> str:
    """Give `env-v12-abcdefghij`: another content is another name, so the Secret can be immutable.

    The hash is keyed with what only the server and the namespace's own Secrets know: a name is seen by more people
    than a Secret, and must not let them try out values.
    """
    content = "\0".join(f"{key}={value}" for key, value in rollout.unit.env)
    digest = hmac.new(rollout.pull.password.encode(), content.encode(), hashlib.sha256).digest()
    return f"env-v{rollout.deployment}-{b32encode(digest).decode().lower()[:10]}"


def release_job(deployment: int) -> str:
    return f"release-v{deployment}"


def app_of(marks: Mapping[str, str]) -> AppRef | None:
    """Read an object's labels. None: they are not whole, so it is not one of loco's."""
    try:
        return AppRef(team=marks[TEAM], team_id=marks[TEAM_ID], app=marks[APP], app_id=marks[APP_ID])
    except KeyError:
        return None


def instance(pod: Mapping[str, Any]) -> tuple[str, int]:
    """Give `v12-x7k2p` and 12: the short name of a pod, and its deployment."""
    meta = pod["metadata"]
    deployment = int((meta.get("labels") or {}).get(DEPLOYMENT, "0"))
    if (meta.get("labels") or {}).get(ROLE) == "release":
        return f"v{deployment}-release", deployment
    return f"v{deployment}-{meta['name'].rpartition('-')[2]}", deployment


def image_digest(image: str) -> str:
    """Give the `sha256:…` in an image's name; empty when it has none."""
    match = re.search(r"sha256:[0-9a-f]{64}", image)
    return match[0] if match else ""
