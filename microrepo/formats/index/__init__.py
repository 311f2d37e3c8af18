"""Formats of indexes: JSON API, Simple API, upload form."""
