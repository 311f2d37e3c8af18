"""Files that hold requirements: requirements files, lock files, projects, scripts."""
