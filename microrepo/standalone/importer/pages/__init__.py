"""Pages of a repository, from a manifest."""
