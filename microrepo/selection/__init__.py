"""Selection: the files that a repository keeps, and why. Pure: no I/O, no clock, no environment."""
