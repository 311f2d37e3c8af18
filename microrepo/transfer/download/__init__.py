"""Downloads: files and metadata from a source."""
