"""Diagnosis: why a goal fails, and why newer releases are not used."""
