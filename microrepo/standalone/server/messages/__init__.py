"""HTTP messages and credentials."""
