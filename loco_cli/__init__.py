"""The CLI: what developers run. Knows loco_spec, never loco_server."""

VERSION = "0.1.0"
"""Also in `loco_spec.version`, which costs an import more; a test holds them equal."""
