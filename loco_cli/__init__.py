"""The CLI: what developers run. Knows loco_spec, never loco_server."""
