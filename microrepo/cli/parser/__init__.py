"""Parser of the command line."""
