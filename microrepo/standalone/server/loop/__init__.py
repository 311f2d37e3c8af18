"""Connections and threads."""
