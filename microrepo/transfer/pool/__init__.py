"""The worker pool and what a worker does."""
