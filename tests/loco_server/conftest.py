"""Fixtures of the server's tests."""

from tests.loco_server.records.databases import records

__all__ = ["records"]
