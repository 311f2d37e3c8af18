"""Inspection: list, stats, explain, history, freeze."""
