"""The container registry of a GitLab project, with an access token of that project.

Each of our repositories is one of the project's: `group/project/acme/shop-<hash>`. A deploy token may push and pull;
only an access token with the scope `api` and the role Maintainer may delete too, which keeping the last images and
destroying an app need. The registry's storage redirects are off.
"""

from loco_server.registries.bought import BoughtTokens


class GitLab(BoughtTokens):
    """Takes what `BoughtTokens` takes; `prefix` is the path of the project, `username` any name for its token."""
