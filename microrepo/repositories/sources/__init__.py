"""Sources: where projects and files are read from."""
