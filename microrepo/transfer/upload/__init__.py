"""Uploads: files to a destination."""
