"""Settings of other mirror programs."""
