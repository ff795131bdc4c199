"""Logs of pods."""
