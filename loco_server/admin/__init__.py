"""What the operator asks of the running server, over its own socket: the commands, and what answers them."""
