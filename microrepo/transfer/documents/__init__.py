"""Readers of project records from sources."""
