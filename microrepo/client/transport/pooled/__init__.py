"""The pools below `requests`: connections, answers within limits, routes."""
