"""Destinations: where distributions are sent to."""
