"""What a cluster needs, for loco to run in it."""
