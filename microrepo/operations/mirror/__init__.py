"""The release mirror."""
