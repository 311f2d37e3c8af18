"""Handlers of `snapshot`."""
