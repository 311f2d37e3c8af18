"""Where files live: sources to read from, directories to write to."""
