"""Tasks, the workers that carry them out, and the pool that hands them out."""
