"""Copies between repositories."""
