"""Attestations of distributions (PEP 740)."""
