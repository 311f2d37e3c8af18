"""Switch of a repository to what is staged."""
