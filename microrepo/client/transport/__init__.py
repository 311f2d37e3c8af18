"""Connections: direct or by proxy, with TLS, with all received bytes counted."""
