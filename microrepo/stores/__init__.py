"""Stores of bytes: the flat directory, links, atomic writes."""
