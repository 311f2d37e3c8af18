"""Distributions: file names, archives, core metadata."""
