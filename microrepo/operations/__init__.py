"""What microrepo does: each operation composes the stages and returns a report."""
