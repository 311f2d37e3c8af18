"""Publishing the pages."""
