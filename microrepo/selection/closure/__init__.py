"""Closures of goals in environments, their lock files and their proof."""
