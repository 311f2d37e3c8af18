"""Configuration texts for pip, uv and web servers."""
