"""One run: lock, session, settings, outputs."""
