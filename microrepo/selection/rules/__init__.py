"""Rules: why a file is kept or left out."""
