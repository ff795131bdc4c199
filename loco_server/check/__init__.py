"""What `loco-server admin check` looks at: whether a cluster, or this machine, has what loco needs. It changes nothing.

A check gathers facts, and a pure function judges them: a `Finding`. It works without the server, and is for when that
does not start.
"""
