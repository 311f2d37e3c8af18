"""Reading of projects from sources: change detection, records, metadata, doubtful responses."""
