"""Contents named by their digests."""
