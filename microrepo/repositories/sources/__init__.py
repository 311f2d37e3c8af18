"""Sources of projects and files."""
