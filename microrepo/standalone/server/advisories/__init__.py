"""Advisories in the OSV format: which releases they affect, from an index of them."""
