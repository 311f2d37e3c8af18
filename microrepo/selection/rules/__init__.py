"""Rules: why a file is kept or skipped."""
