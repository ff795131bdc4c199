"""The edge of the single machine: which host and path lead to which addresses."""
