"""Target environments: Pythons, platforms, presets."""
