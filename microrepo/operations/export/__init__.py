"""Bundles that carry a snapshot, or the changes since one, to a repository without a network."""
