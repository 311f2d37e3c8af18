"""Refresh: change detection, decisions, batches of downloads."""
