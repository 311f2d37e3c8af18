"""Trust in releases: what their provenance says, compared with earlier releases. Pure."""
