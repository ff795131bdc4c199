"""The only place that knows Starlette: one noun a file, and the table that says who may call what."""
