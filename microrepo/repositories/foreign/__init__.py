"""Trees that other mirror programs have filled."""
