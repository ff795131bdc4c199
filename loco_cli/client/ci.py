"""The identity of the CI job that the command runs in, and what the server gives for it."""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from loco_cli.client.http import Http
from loco_spec import api, paths
from loco_spec.errors import NotSignedIn, ServerUnreachable
from loco_spec.trust import CiLogin

SECONDS = 20.0


def identity_token(audience: str, environment: Mapping[str, str] = os.environ) -> str:
    """Give the job's identity token: GitLab's is in the environment, GitHub makes one for the audience.

    Raises:
        NotSignedIn: it is not given.
        ServerUnreachable: GitHub does not answer.
    """
    given = environment.get("LOCO_ID_TOKEN", "").strip()
    if given:
        return given
    url = environment["ACTIONS_ID_TOKEN_REQUEST_URL"]
    if urlsplit(url).scheme != "https":
        raise NotSignedIn("ACTIONS_ID_TOKEN_REQUEST_URL is not encrypted", hint="set LOCO_TOKEN instead")
    try:
        answer = httpx.get(
            httpx.URL(url).copy_merge_params({"audience": audience}),
            headers={"authorization": f"Bearer {environment['ACTIONS_ID_TOKEN_REQUEST_TOKEN'].strip()}"},
            timeout=SECONDS,
        )
        found = answer.json().get("value") if answer.is_success else None
    except (httpx.HTTPError, httpx.InvalidURL) as e:
        host = urlsplit(url).hostname
        raise ServerUnreachable(f"GitHub ({host}) gives no identity token: {type(e).__name__}", hint="try again") from e
    except (ValueError, AttributeError):
        found = None
    if not isinstance(found, str) or not found:
        raise NotSignedIn(
            f"GitHub gives the job no identity token (it answered {answer.status_code})",
            hint="the job needs `permissions: id-token: write`",
        )
    return found


def login(http: Http, token: str, team: str, app: str | None) -> api.SignedIn:
    return http.post(paths.LOGIN_CI, api.SignedIn, CiLogin(token=token, team=team, app=app), signed_in=False)
