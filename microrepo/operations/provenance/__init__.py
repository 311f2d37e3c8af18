"""Verification of provenance objects: the only room that uses sigstore."""
