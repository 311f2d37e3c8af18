"""Records that operations return."""
