"""Bytes to records and back: what indexes, archives and file names say. Pure."""
