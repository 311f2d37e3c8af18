"""Which proxy is used, and that `requests` is only loaded to find one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from microrepo.client.transport.proxies import find_proxies, has_proxies

PROXY = "http://proxy.example:3128"
INDEX = "https://index.example/simple/"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "platform", "linux")


def test_the_setting_is_for_all_hosts_but_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://other.example")
    assert find_proxies(INDEX, PROXY) == ({"http": PROXY, "https": PROXY}, PROXY)
    assert find_proxies("http://127.0.0.1:8080/simple/", PROXY) == ({}, None)


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
def test_the_environment_names_a_proxy(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    assert (has_proxies(), find_proxies(INDEX, None)) == (False, ({}, None))
    monkeypatch.setenv(variable, PROXY)
    assert has_proxies()
    assert find_proxies(INDEX, None)[1] == PROXY
    monkeypatch.setenv("no_proxy", "index.example")
    assert find_proxies(INDEX, None) == ({}, None)


def test_an_empty_variable_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "")
    assert (has_proxies(), find_proxies(INDEX, None)) == (False, ({}, None))


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_keep_proxies_elsewhere_too(
    monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert has_proxies()


def test_a_client_by_libcurl_does_not_load_requests() -> None:
    pytest.importorskip("pycurl")
    script = (
        "import sys; from microrepo.client import Client, ClientSettings\n"
        "try: Client(ClientSettings(retries=0)).get('https://127.0.0.1:1/simple/')\n"
        "except OSError: pass\n"
        "except Exception as error: print(type(error).__name__)\n"
        "print(sorted({'requests', 'urllib3'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["Unavailable", "[]"]
