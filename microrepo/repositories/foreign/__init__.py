"""Trees of other mirror programs."""
