"""Audit of a repository: which of its releases advisories affect, and which releases fix that."""
