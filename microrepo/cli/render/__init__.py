"""Texts of results, for people."""
