"""What Alembic runs for each command; the connection comes from `schema.py`."""

from alembic import context

from loco_server.records import tables_access  # noqa: F401  its tables belong to the metadata too
from loco_server.records.tables import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
