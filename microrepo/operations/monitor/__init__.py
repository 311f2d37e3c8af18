"""Monitoring: health, metrics, change list, access statistics."""
