"""Reading a repository from its directory."""
