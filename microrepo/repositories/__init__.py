"""Repositories: sources to read from, destinations to write to."""
