"""The server's API, one noun a file. The only place that imports httpx."""

import sys

# Where rich, click and pygments are installed, httpx imports a command line of its own with all three: a third of what
# it takes to import. It does without where that cannot be imported.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
