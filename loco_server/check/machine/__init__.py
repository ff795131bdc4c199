"""What one machine needs, for `loco-server local` or `loco-server run`."""
