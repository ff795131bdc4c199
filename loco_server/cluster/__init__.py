"""`loco-server serve`: the server as a pod of a cluster, beside others like it, on one PostgreSQL."""
