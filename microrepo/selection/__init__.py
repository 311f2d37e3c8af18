"""Which files a repository shall hold, and why. Pure: no I/O, no clock, no environment."""
