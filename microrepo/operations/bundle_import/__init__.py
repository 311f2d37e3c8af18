"""Imports of bundles that came across a gap."""
