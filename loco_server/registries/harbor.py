"""Harbor (2.x): one of its projects, with a robot account of that project.

Each of our repositories is one of the project's: `project/acme/shop-<hash>`. The robot may push, pull and delete in
the project's repositories. Its storage's redirects are off, so that layers come by the same way as everything else.
"""

from loco_server.registries.bought import BoughtTokens


class Harbor(BoughtTokens):
    """Takes what `BoughtTokens` takes; `prefix` begins with the project, `username` is `robot$project+name`."""
