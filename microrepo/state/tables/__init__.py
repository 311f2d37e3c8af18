"""The tables of the state, and how each is read and written."""
