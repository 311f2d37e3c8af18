"""The static tree: project pages, root pages, pages for people."""
