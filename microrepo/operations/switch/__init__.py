"""The switch: a repository goes from what it has to what a manifest lists, as one step for readers."""
