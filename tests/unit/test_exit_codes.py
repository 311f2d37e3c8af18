"""Exit codes as text, in every Python."""

from __future__ import annotations

from microrepo.exit_codes import ExitCode


def test_a_code_is_its_number_in_every_form() -> None:
    assert f"{ExitCode.LOCKED} {ExitCode.LOCKED:d} {ExitCode.LOCKED!s}" == "4 4 4"
