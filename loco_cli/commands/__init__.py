"""One verb a file: a Typer function that only reads the command line, and what it does. None knows another."""
