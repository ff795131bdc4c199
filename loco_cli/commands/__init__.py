"""One verb a file: a Typer function that only reads the command line, and what it does. None knows another."""

import os

# pydantic looks for plugins in the metadata of all that is installed; none of them has anything to do with us.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
