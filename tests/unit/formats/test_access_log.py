"""Lines of access logs: what counts as a download, and for whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microrepo.formats.access_log import Hit, client_of, parse_hit

PIP = 'pip/24.0 {\\"ci\\":null,\\"python\\":\\"3.11.2\\",\\"distro\\":{\\"name\\":\\"Debian\\"}}'
NGINX = (
    '10.0.0.1 - - [09/Nov/2026:23:59:01 +0000] "GET /foo-1.0-py3-none-any.whl HTTP/1.1" 200 999 '
    '"-" "{agent}"'
)


def hit(line: str) -> Hit | None:
    return parse_hit(line + "\n")


def test_a_line_of_each_kind() -> None:
    expected = Hit("2026-11-09", "foo", "foo-1.0-py3-none-any.whl", "pip/24.0")
    for agent in (PIP, PIP.replace('\\"', "\\x22"), "pip/24.0"):
        assert hit(NGINX.replace("{agent}", agent)) == expected
    common = NGINX.replace("{agent}", "x").partition(' "-"')[0]
    assert hit(common) == Hit("2026-11-09", "foo", "foo-1.0-py3-none-any.whl", "unknown")
    virtual = "mirror.example:443 " + NGINX.replace("{agent}", PIP)
    assert hit(virtual) == expected


@pytest.mark.parametrize(
    ("path", "project", "filename"),
    [
        ("/packages/ab/cd/ef/Foo.Bar-1.0.tar.gz", "foo-bar", "Foo.Bar-1.0.tar.gz"),
        ("/foo-1.0%2Blocal-py3-none-any.whl", "foo", "foo-1.0+local-py3-none-any.whl"),
        ("/foo-1.0.zip?x=/y-2.0.zip", "foo", "foo-1.0.zip"),
        ("http://mirror.example/foo-1.0.zip", "foo", "foo-1.0.zip"),
    ],
)
def test_paths(path: str, project: str, filename: str) -> None:
    found = hit(f'h - - [01/Feb/2026:00:00:00 +0000] "GET {path} HTTP/1.1" 200 1')
    assert found == Hit("2026-02-01", project, filename, "unknown")


@pytest.mark.parametrize(
    "request_and_status",
    [
        *('"HEAD /foo-1.0.zip HTTP/1.1" 200', '"GET /foo-1.0.zip HTTP/1.1" 404'),
        *('"GET /foo-1.0.zip HTTP/1.1" 206', '"GET /foo-1.0.zip HTTP/1.1" 304'),
        *(
            '"GET /simple/foo/ HTTP/1.1" 200',
            '"GET /foo-1.0-py3-none-any.whl.metadata HTTP/1.1" 200',
        ),
        *('"GET /..%2f..%2fetc%2ffoo-1.0.zip HTTP/1.1" 200', '"GET /a%00-1.0.zip HTTP/1.1" 200'),
        *('"\\x16\\x03\\x01" 200', '"-" 200', '"GET http://[/foo-1.0.zip HTTP/1.1" 200'),
    ],
)
def test_what_is_no_download(request_and_status: str) -> None:
    assert hit(f"h - - [01/Feb/2026:00:00:00 +0000] {request_and_status} 1") is None


@pytest.mark.parametrize(
    "line",
    [
        *("", "nonsense", 'h - - [yesterday] "GET /foo-1.0.zip HTTP/1.1" 200 1'),
        'h - - [31/Feb/2026:00:00:00 +0000] "GET /foo-1.0.zip HTTP/1.1" 200 1',
        'h - - [01/Xxx/2026:00:00:00 +0000] "GET /foo-1.0.zip HTTP/1.1" 200 1',
        'h - - [01/Jan/0001:00:00:00 +2300] "GET /foo-1.0.zip HTTP/1.1" 200 1',
        'h - - [01/Jan/2026:00:00:00 +9900] "GET /foo-1.0.zip HTTP/1.1" 200 1',
        'h - - [01/Feb/2026:00:00:00 +0000] "GET /foo-1.0.zip HTTP/1.1 200 1',
    ],
)
def test_what_is_no_line(line: str) -> None:
    with pytest.raises(ValueError):
        hit(line)


def test_days_are_those_of_utc() -> None:
    line = 'h - - [01/Jan/2026:00:30:00 +0100] "GET /foo-1.0.zip HTTP/1.1" 200 1'
    found = hit(line)
    assert found is not None
    assert found.day == "2025-12-31"


def test_a_user_cannot_smuggle_a_line() -> None:
    user = '[01/Jan/2020:00:00:00 +0000] \\"GET /evil-1.0.zip HTTP/1.1\\" 200 1'
    found = hit(f'h - {user} [01/Feb/2026:00:00:00 +0000] "GET /foo-1.0.zip HTTP/1.1" 200 1')
    assert found == Hit("2026-02-01", "foo", "foo-1.0.zip", "unknown")


@pytest.mark.parametrize(
    ("agent", "client"),
    [
        ('uv/0.5.1 {\\"installer\\":{}}', "uv/0.5.1"),
        ("poetry/1.8.2 CPython/3.11.2 Linux/6.1", "poetry/1.8.2"),
        ("Python-urllib/2.7 setuptools/0.6c11", "setuptools/0.6c11"),
        ("bandersnatch/6.5.0 (cpython 3.11.2-final0, Linux)", "bandersnatch/6.5.0"),
        ("Nexus/3.70.1 (OSS; Linux)", "nexus/3.70.1"),
        ("python-requests/2.32", "python-requests/2.32"),
        ("Mozilla/5.0 (X11; Linux) Firefox/130.0", "browser"),
        ("curl", "curl"),
        ("evil/6.6.6", "other"),
        ("-", "unknown"),
        ("", "unknown"),
    ],
)
def test_clients(agent: str, client: str) -> None:
    assert client_of(agent) == client


@given(st.text())
def test_any_text_is_a_line_or_none(text: str) -> None:
    line = (
        f'h - {text} [01/Feb/2026:00:00:00 +0000] "GET /{text}-1.0.zip HTTP/1.1" 200 1 "-" "{text}"'
    )
    for candidate in (text, line):
        try:
            parse_hit(candidate)
        except ValueError:
            continue
