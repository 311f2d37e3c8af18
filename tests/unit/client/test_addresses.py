"""What of a URL may be shown."""

from __future__ import annotations

import pytest

from microrepo.client.addresses import masked, public_url, redirected
from microrepo.errors import MalformedResponse


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h.example/a/b", "https://h.example/a/b"),
        ("https://bob:pw@h.example:8/a", "https://h.example:8/a"),
        ("https://h.example/a?X-Signature=SECRET&b=1#f", "https://h.example/a?…"),
        ("ftp://bob:SECRET@h.example/x", "ftp://h.example/x"),
        ("https://bob:SECRET@[x/?a=SECRET", "[x/?…"),
        ("//bob:SECRET@h/x", "//h/x"),
        ("https://h.example/a;signature=SECRET", "https://h.example/a?…"),
    ],
)
def test_public_url(url: str, shown: str) -> None:
    assert public_url(url) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nothing: here", "nothing: here"),
        ("at https://u:p@h.example/x?s=1: refused", "at https://h.example/x?…: refused"),
        ("'http://h/x?a=1' and \"http://u@h/y\"", "'http://h/x?…' and \"http://h/y\""),
    ],
)
def test_urls_within_a_text(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "location", ["ftp://bob:SECRET@h/x", "http://[SECRET", "file:///etc/passwd"]
)
def test_a_redirect_off_the_web_is_refused_without_secrets(location: str) -> None:
    with pytest.raises(MalformedResponse, match="not http") as caught:
        redirected("https://h.example/?q=SECRET", "https://h.example/", location)
    assert "bob" not in str(caught.value)
    assert "q=" not in str(caught.value)
