"""What direct URLs say of their files, and which are refused."""

import pytest

from microrepo.formats.requirements.direct_urls import is_followed, parse_direct_url, without_user
from microrepo.model import Digests, File

A64, C32 = "a" * 64, "c" * 32
BASE = "https://files.example/d%20ir"


def test_a_wheel_with_its_digest():
    """The digest leaves the URL; letters and escapes do not matter."""
    found = parse_direct_url(f"{BASE}/far-1.0%2Bx-py3-none-any.whl#sha256={A64.upper()}&egg=far")
    assert found == File(
        "far-1.0+x-py3-none-any.whl",
        f"{BASE}/far-1.0%2Bx-py3-none-any.whl",
        "1.0+x",
        "bdist_wheel",
        Digests(sha256=A64),
    )


@pytest.mark.parametrize(
    ("fragment", "digests"),
    [
        ("", Digests()),
        ("#sha512=00", Digests()),
        (f"#md5={C32}", Digests(md5=C32)),
        (f"#sha256={A64}&md5={C32}", Digests(sha256=A64, md5=C32)),
    ],
)
def test_digests(fragment, digests):
    """Those that files are compared by; another algorithm announces nothing."""
    found = parse_direct_url(f"{BASE}/far-1.0.tar.gz?x=1{fragment}")
    assert isinstance(found, File)
    assert (found.digests, found.url) == (digests, f"{BASE}/far-1.0.tar.gz?x=1")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("git+https://code.example/far", "only http"),
        ("file:///tmp/far-1.0.tar.gz", "only http"),
        ("https:///far-1.0.tar.gz", "without a host"),
        ("https://[::1/far-1.0.tar.gz", "not a URL"),
        ("https://u:p@files.example/far-1.0.tar.gz", "netrc"),
        (f"{BASE}/far-1.0.tar.gz#subdirectory=lib", "subdirectory of the archive"),
        (f"{BASE}/far-1.0.tar.gz#sha256=12", "not a digest"),
        (f"{BASE}/far-1.0.tar.gz#md5={'z' * 32}", "not a digest"),
        (f"{BASE}/v1.0.zip", "not the name of a wheel"),
        (f"{BASE}/far.whl", "not the name of a wheel"),
        (f"{BASE}/far-1.0.tar.bz2", "not the name of a wheel"),
        (f"{BASE}/a%2Ffar-1.0.tar.gz", "not the name of a wheel"),
        (BASE, "not the name of a wheel"),
    ],
)
def test_refused(url, words):
    """Each with the reason."""
    found = parse_direct_url(url)
    assert isinstance(found, str)
    assert words in found


def test_users_are_not_shown():
    """Wherever the URL stands; what is no user is left alone."""
    text = "far @ https://u:p@files.example/x@1.whl"
    assert without_user(text) == "far @ https://***@files.example/x@1.whl"
    assert without_user("far @ https://files.example/x") == "far @ https://files.example/x"


@pytest.mark.parametrize("url", ["HTTPS://x.example/a", "http://x.example/a"])
def test_followed(url):
    """The scheme's letters do not matter."""
    assert is_followed(url)
