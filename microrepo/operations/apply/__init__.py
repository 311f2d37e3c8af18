"""Execution of plans: files transferred to a destination, verified, recorded, reported."""
