"""Advisories in the OSV format: OSV's archive of an ecosystem, and what is known about a project."""
