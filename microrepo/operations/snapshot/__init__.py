"""Snapshots: named states of a repository that can be listed, compared and restored."""
