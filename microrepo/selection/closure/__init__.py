"""Closures of many goals in many environments, what locks hold of them, and their proof."""
