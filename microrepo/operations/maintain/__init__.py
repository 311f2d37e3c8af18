"""Maintenance: verify, prune, delete, adopt."""
