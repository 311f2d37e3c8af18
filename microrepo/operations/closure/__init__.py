"""Dependency closures: resolution, lock files, check."""
