"""The order of steps of what a person asks for. Sees seam bases only."""
