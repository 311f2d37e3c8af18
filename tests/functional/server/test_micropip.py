"""micropip, which runs in browsers: what it and other scripts get from the index."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.functional.server.serving import HTML, JSON, Served, serve
from tests.support.nginx import NGINX, nginx_over
from tests.support.tools import tool

FILE = "foo_bar-2.0-py3-none-any.whl"
# micropip outside of a browser; the header is what a browser adds to a script's request.
QUERY = """
import asyncio, sys
from micropip._compat._compat_not_in_pyodide import CompatibilityNotInPyodide as Compatibility
from micropip.package_index import query_package

class Browser(Compatibility):
    @staticmethod
    async def fetch_string_and_headers(url, kwargs):
        kwargs["headers"]["Origin"] = "https://app.example"
        return await Compatibility.fetch_string_and_headers(url, kwargs)

found = asyncio.run(query_package("foo-bar", sys.argv[1:], compat_layer=Browser))
for wheels in found.releases.values():
    for wheel in wheels:
        print(wheel.url, wheel.sha256)
"""


def _query(*urls: str) -> dict[str, str]:
    """Return digests of wheels by their addresses."""
    python = tool("micropip", ["micropip>=0.11"], at_least=(3, 13)) / "python"
    done = subprocess.run([python, "-c", QUERY, *urls], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return dict(line.split() for line in done.stdout.splitlines())


def test_micropip_finds_the_addresses_of_wheels(either: Served) -> None:
    """An index without the project is passed over."""
    wheels = _query(f"{either.url}nope", f"{either.url}simple")
    assert f"{either.url}{FILE}" in wheels
    assert {len(sha256) for sha256 in wheels.values()} == {64}


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_micropip_reads_html_of_nginx(with_tree: Path, tmp_path: Path) -> None:
    """Static JSON has relative addresses, which micropip resolves only in HTML."""
    with nginx_over(with_tree, tmp_path / "nginx") as nginx:
        page = f"{nginx.url}simple/{{package_name}}/?format={HTML}"
        assert f"{nginx.url}{FILE}" in _query(page)


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://app.example"}, {"Sec_Fetch_Dest": "empty"}], ids=str
)
def test_only_scripts_get_absolute_addresses(either: Served, headers: dict[str, str]) -> None:
    for _ in range(2):  # from disk, then perhaps from memory
        usual = either.ask("/simple/foo-bar/", Accept=JSON)
        script = either.ask("/simple/foo-bar/", Accept=JSON, **headers)
        urls = [[file["url"] for file in json.loads(one.body)["files"]] for one in (usual, script)]
        assert all(url.startswith("../../") for url in urls[0])
        assert urls[1] == [url.replace("../../", either.url, 1) for url in urls[0]]
        assert script.headers["etag"] != usual.headers["etag"]
        assert script.headers["cache-control"] == usual.headers["cache-control"]
    assert either.ask("/simple/", Accept=JSON, **headers).status == 200


def test_addresses_are_those_of_the_server_s_own_url(with_tree: Path) -> None:
    with serve(with_tree, url="https://mirror.example/py/") as running:
        page = running.ask("/simple/foo-bar/", Accept=JSON, Origin="https://app.example")
    urls = [file["url"] for file in json.loads(page.body)["files"]]
    assert f"https://mirror.example/py/{FILE}" in urls
