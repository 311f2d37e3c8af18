"""Client settings and the nginx configuration as texts."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from microrepo.publish.client_texts.client_config import (
    client_settings,
    directory_settings,
    render_settings,
)
from microrepo.publish.client_texts.nginx_conf import nginx_config

toml = pytest.importorskip("tomllib")


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("http://127.0.0.1:8080/", ""),
        ("http://localhost/", ""),
        ("http://[::1]:8080/", ""),
        ("https://packages.example/pip/", ""),
        ("http://packages.example/", "packages.example"),
        ("http://packages.example:8080/pip/", "packages.example:8080"),
        ("http://10.0.0.7:8080/", "10.0.0.7:8080"),
        ("http://user:secret@packages.example:8080/", "packages.example:8080"),
        ("file:///srv/re%20po/", ""),
    ],
)
def test_settings_for_an_address(url: str, trusted: str) -> None:
    """pip needs to be told of plain HTTP beyond loopback, and of nothing else."""
    settings = client_settings(url)
    pip_conf = configparser.RawConfigParser()
    pip_conf.read_string(settings.pip_conf)
    assert pip_conf["global"]["index-url"] == url + "simple/"
    assert pip_conf["global"].get("trusted-host", "") == trusted
    assert toml.loads(settings.uv_toml) == {"index": [{"url": url + "simple/", "default": True}]}
    lines = dict(line.split("=", 1) for line in settings.environment.splitlines())
    assert lines["PIP_INDEX_URL"] == lines["UV_DEFAULT_INDEX"] == url + "simple/"
    assert lines.get("PIP_TRUSTED_HOST", "") == trusted
    assert ("--trusted-host" in settings.pip_command) == bool(trusted)


def test_settings_for_a_directory() -> None:
    settings = directory_settings(Path("/srv/ré po"))
    assert "file:///srv/r%C3%A9%20po/simple/" in settings.pip_command


def test_all_settings_as_one_text() -> None:
    text = render_settings(client_settings("http://packages.example/"))
    for part in ("pip.conf", "uv.toml", "PIP_TRUSTED_HOST=", "pip install --index-url "):
        assert part in text


@pytest.mark.parametrize("path", ["relative", "/with/$variable", "/with/\nline"])
def test_a_path_that_nginx_can_not_serve(path: str) -> None:
    with pytest.raises(ValueError):
        nginx_config(Path(path))


@pytest.mark.parametrize("argument", ["80; root /", "a{b}", "", "x\ny"])
def test_no_argument_leaves_its_directive(argument: str) -> None:
    for name in ("listen", "server_name"):
        with pytest.raises(ValueError):
            nginx_config(Path("/srv"), **{name: argument})


def test_quotes_in_a_path_are_escaped() -> None:
    assert 'root "/srv/a \\"b\\" \\\\c";' in nginx_config(Path('/srv/a "b" \\c'))
