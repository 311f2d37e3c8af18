"""Single values from indexes: what is taken and what is not."""

from __future__ import annotations

import json

import pytest

from microrepo.formats.index.values import (
    LARGEST_FILE,
    checked_digest,
    checked_serial,
    checked_size,
    parse_serial,
    without_half_pairs,
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
        pytest.param("sha3_256", "a" * 64, "a" * 64, id="any of hashlib"),
        pytest.param("sha1", "a" * 40, "a" * 40, id="sha1"),
        pytest.param("crc32", "a" * 8, None, id="unknown algorithm"),
    ],
)
def test_digest(algorithm: str, value: str | None, expected: str | None) -> None:
    assert checked_digest(algorithm, value) == expected


@pytest.mark.parametrize("size", [None, 0, 1, LARGEST_FILE])
def test_possible_size(size: int | None) -> None:
    assert checked_size(size) == size


@pytest.mark.parametrize("size", [LARGEST_FILE + 1, 10**15, 2**53, 2**64 - 1, 10**40])
def test_absurd_size(size: int) -> None:
    with pytest.raises(ValueError, match="size"):
        checked_size(size)


def test_a_negative_size_is_unknown() -> None:
    assert checked_size(-1) is None


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'"\ud800"', "\ufffd"),
        (r'"\uDC00x"', "\ufffdx"),
        (r'"\ud83d\ude00"', "\U0001f600"),
        (r'"\\ud800"', r"\ud800"),
        (r'"\\\ud800"', "\\\ufffd"),
        (r'"\ud800\ud83d\ude00"', "\ufffd\U0001f600"),
    ],
)
def test_half_a_surrogate_pair_becomes_a_character(text: str, expected: str) -> None:
    assert json.loads(without_half_pairs(text.encode())) == expected
