"""Pages of one project: contents and rendering."""
