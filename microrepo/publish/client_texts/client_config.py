"""Client settings for a repository: pip.conf, uv.toml, environment variables, commands.

The texts depend only on the arguments, not on settings of this machine.
"""

from __future__ import annotations

from pathlib import Path

from microrepo.standalone.server.client_settings import ClientSettings, client_settings

__all__ = ["ClientSettings", "client_settings", "directory_settings", "render_settings"]


def directory_settings(directory: Path) -> ClientSettings:
    """Return the settings for a repository on a disk that clients can read.

    They use the static index in the directory, which is as fast with a million files as with ten;
    pip reads a flat ``--find-links`` directory completely at each start.

    Raises:
        ValueError: if the path is relative.
    """
    return client_settings(directory.as_uri() + "/")


def render_settings(settings: ClientSettings) -> str:
    """Return all settings as one text, each under the name of its file."""
    sections = (
        ("# pip.conf (pip config debug lists its places)", settings.pip_conf),
        ("# uv.toml (or [[tool.uv.index]] in pyproject.toml)", settings.uv_toml),
        ("# environment", settings.environment),
        ("# once", f"{settings.pip_command} PROJECT\n{settings.uv_command} PROJECT\n"),
    )
    return "\n".join(f"{heading}\n{text}" for heading, text in sections)
