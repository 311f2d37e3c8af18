"""Destinations of distributions."""
