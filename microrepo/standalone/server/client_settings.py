"""Client settings: commands and files that make pip and uv use a repository."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit


class ClientSettings(NamedTuple):
    """Texts that make clients use a repository: commands, configuration files, environment."""

    pip_command: str
    pip_conf: str
    uv_command: str
    uv_toml: str
    environment: str


def client_settings(url: str) -> ClientSettings:
    """Return the settings for the repository at `url` (with a trailing slash)."""
    index, parts = url + "simple/", urlsplit(url)
    host = parts.hostname or ""
    local = host in {"localhost", "::1"} or host.startswith("127.")
    # pip refuses plain HTTP from another machine unless the host is trusted by name.
    trusted = parts.netloc.rpartition("@")[2] if parts.scheme == "http" and not local else ""
    option = f" --trusted-host {trusted}" if trusted else ""
    return ClientSettings(
        pip_command=f"pip install --index-url {index}{option}",
        pip_conf=f"[global]\nindex-url = {index}\n"
        + (f"trusted-host = {trusted}\n" if trusted else ""),
        uv_command=f"uv pip install --default-index {index}",
        uv_toml=f'[[index]]\nurl = "{index}"\ndefault = true\n',
        environment=f"PIP_INDEX_URL={index}\n"
        + (f"PIP_TRUSTED_HOST={trusted}\n" if trusted else "")
        + f"UV_DEFAULT_INDEX={index}\n",
    )
