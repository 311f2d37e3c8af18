"""Tables of the state."""
