"""Bills of materials of a repository, a snapshot, or what requirements install."""
