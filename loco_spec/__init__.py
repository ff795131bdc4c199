"""The contract that the CLI and the server share: loco.toml, wire types, URL paths, names, errors.

Pure: no I/O beyond reading text handed in, no library but pydantic.
"""
