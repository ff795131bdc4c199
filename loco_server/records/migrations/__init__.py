"""Alembic's folder: one file a step, upgrade and downgrade."""
