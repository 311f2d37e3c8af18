"""Pages of one project: what is on them, and how they are rendered."""
