"""Advisories of a repository: requested from their source, kept, and applied to what it holds."""
