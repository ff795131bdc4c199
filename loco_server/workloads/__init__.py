"""Kinds become Units. Pure."""
