"""Volumes of bundles: where they are, and how they are read and checked."""
