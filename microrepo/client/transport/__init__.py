"""Connections: direct and by proxy, with TLS, every answer counted on the wire."""
