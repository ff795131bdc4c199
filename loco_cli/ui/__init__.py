"""All that people and programs see. Results go to stdout, everything on the way to stderr; the only place with rich."""
