"""Tasks, workers and the pool."""
