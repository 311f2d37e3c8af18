"""Arguments of `snapshot`."""
