"""Which hosts a source may lead to."""

from __future__ import annotations

import pytest

from microrepo.client.reach import Network, Reach, network_of
from microrepo.errors import MalformedResponse

WEB, INNER = "https://index.example/simple/", "http://10.0.0.5/simple/"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1", Network.LOOPBACK),
        ("127.1", Network.LOOPBACK),
        ("2130706433", Network.LOOPBACK),
        ("0x7f000001", Network.LOOPBACK),
        ("0.0.0.0", Network.LOOPBACK),
        ("::1", Network.LOOPBACK),
        ("[::1]", Network.LOOPBACK),
        ("::ffff:127.0.0.1", Network.LOOPBACK),
        ("64:ff9b::7f00:1", Network.LOOPBACK),
        ("localhost", Network.LOOPBACK),
        ("LocalHost.", Network.LOOPBACK),
        ("a.localhost", Network.LOOPBACK),
        ("169.254.169.254", Network.SPECIAL),
        ("fe80::1%eth0", Network.SPECIAL),
        ("224.0.0.1", Network.SPECIAL),
        ("10.1.2.3", Network.PRIVATE),
        ("192.168.0.1", Network.PRIVATE),
        ("172.16.0.1", Network.PRIVATE),
        ("100.64.0.1", Network.PRIVATE),
        ("fd00::1", Network.PRIVATE),
        ("2002:0a00:0001::", Network.PRIVATE),
        ("93.184.215.14", Network.PUBLIC),
        ("2606:4700::1", Network.PUBLIC),
        ("index.example", None),
        ("10.example", None),
    ],
)
def test_network_of_an_address_in_any_notation(text: str, expected: Network | None) -> None:
    assert network_of(text) is expected


@pytest.mark.parametrize(
    ("homes", "allowed", "url", "ok"),
    [
        ((WEB,), (), "http://127.0.0.1/x", False),
        ((WEB,), (), "http://localhost:8080/admin", False),
        ((WEB,), (), "http://169.254.169.254/latest", False),
        ((WEB,), (), "http://10.0.0.1/x", False),
        ((WEB,), (), "https://files.example/x", True),
        ((WEB,), ("10.0.0.1",), "http://10.0.0.1/x", True),
        ((WEB,), ("LOCALHOST",), "http://localhost:9/x", True),
        ((INNER,), (), "http://10.0.0.6/x", True),
        ((INNER,), (), "http://127.0.0.1/x", False),
        ((INNER,), (), "http://169.254.169.254/x", False),
        (("http://127.0.0.1:3141/",), (), "http://127.0.0.1:8080/x", True),
        (("http://127.0.0.1:3141/",), (), "http://localhost:3141/x", True),
        (("http://127.0.0.1:3141/",), (), "http://localhost:8080/x", False),
        (("http://127.0.0.1:3141/",), (), "http://10.0.0.1/x", False),
    ],
)
def test_hosts_that_a_source_may_name(
    homes: tuple[str, ...], allowed: tuple[str, ...], url: str, ok: bool
) -> None:
    reach = Reach(allowed)
    for home in homes:
        reach.admit(home)
    if ok:
        reach.check_host(url)
        return
    with pytest.raises(MalformedResponse, match="internal_hosts"):
        reach.check_host(url)


def test_a_name_counts_by_its_address() -> None:
    reach = Reach()
    reach.admit(WEB)
    with pytest.raises(MalformedResponse, match=r"rebound\.example"):
        reach.check_address("rebound.example", 443, Network.LOOPBACK)
    reach.check_address("rebound.example", 443, Network.PUBLIC)


@pytest.mark.parametrize(
    ("start", "target", "ok"),
    [
        ("http://93.184.215.14/x", "http://10.0.0.5/simple/", False),
        ("http://93.184.215.14/x", "http://93.184.215.15/x", True),
        ("http://10.0.0.5/x", "http://10.0.0.6/x", True),
        ("http://10.0.0.5/x", "http://10.0.0.5:81/x", True),
    ],
)
def test_redirects_from_the_web_lead_to_no_inner_source(start: str, target: str, ok: bool) -> None:
    reach = Reach()
    for home in (WEB, INNER, start):
        reach.admit(home)
    if ok:
        reach.check_redirect(start, target)
        return
    with pytest.raises(MalformedResponse, match="internal_hosts"):
        reach.check_redirect(start, target)
