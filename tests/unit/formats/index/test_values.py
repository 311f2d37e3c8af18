"""Single values from indexes: what is taken and what is not."""

from __future__ import annotations

import pytest

from microrepo.formats.index.values import (
    checked_digest,
    checked_serial,
    checked_size,
    parse_serial,
)


@pytest.mark.parametrize(
    ("algorithm", "value", "expected"),
    [
        pytest.param("sha256", "a" * 64, "a" * 64, id="sha256"),
        pytest.param("sha256", "A" * 64, "a" * 64, id="upper case"),
        pytest.param("md5", "0" * 32, "0" * 32, id="md5"),
        pytest.param("sha256", "a" * 63, None, id="too short"),
        pytest.param("sha256", "a" * 65, None, id="too long"),
        pytest.param("sha256", "g" * 64, None, id="no hex"),
        pytest.param("sha256", "١" * 64, None, id="digits of another script"),  # noqa: RUF001
        pytest.param("sha256", "", None, id="empty"),
        pytest.param("sha256", None, None, id="none"),
        pytest.param("sha3_256", "a" * 64, None, id="unknown algorithm"),
    ],
)
def test_digest(algorithm: str, value: str | None, expected: str | None) -> None:
    assert checked_digest(algorithm, value) == expected


@pytest.mark.parametrize("size", [None, 0, 1, 2**53])
def test_possible_size(size: int | None) -> None:
    assert checked_size(size) == size


@pytest.mark.parametrize("size", [-1, 2**53 + 1, 2**64 - 1, 10**40])
def test_absurd_size(size: int) -> None:
    with pytest.raises(ValueError, match="size"):
        checked_size(size)


@pytest.mark.parametrize("serial", [-1, 2**53 + 1, 2**64 - 1])
def test_absurd_serial_is_unknown(serial: int) -> None:
    assert checked_serial(serial) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("123", 123, id="number"),
        pytest.param("0", 0, id="zero"),
        pytest.param(None, None, id="none"),
        pytest.param("", None, id="empty"),
        pytest.param("-1", None, id="negative"),
        pytest.param("1.5", None, id="fraction"),
        pytest.param("\xb2", None, id="superscript two"),
        pytest.param("9" * 16, None, id="beyond all bounds"),
        pytest.param("9" * 5000, None, id="more digits than int() reads"),
    ],
)
def test_serial_in_a_header(text: str | None, expected: int | None) -> None:
    assert parse_serial(text) == expected


@pytest.mark.parametrize(("text", "serial"), [("12", 12), ("-1", None), ("x", None), ("", None)])
def test_serial_as_text(text: str, serial: int | None) -> None:
    assert checked_serial(text) == serial
