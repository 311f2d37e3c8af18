"""Parsers and writers of formats: indexes, archives, file names, requirements. Pure."""
