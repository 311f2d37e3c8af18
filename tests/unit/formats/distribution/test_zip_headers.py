"""What a zip archive says twice, once for pip and once for uv; held against both in the law of installers."""

from __future__ import annotations

import io

import pytest

from microrepo.errors import MalformedResponse
from microrepo.formats.distribution.wheel_checks import check_wheel
from tests.support.odd_archives import REFUSED, TAKEN
from tests.support.odd_wheels import odd_wheel

NAME = "zz_a-2.0-py3-none-any.whl"


@pytest.mark.parametrize("oddity", REFUSED)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_account_contradicts_the_other(oddity: str) -> None:
    with pytest.raises(MalformedResponse):
        check_wheel(io.BytesIO(odd_wheel(NAME, fault=oddity)), NAME)


@pytest.mark.parametrize("oddity", TAKEN)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_odd_and_sound(oddity: str) -> None:
    check_wheel(io.BytesIO(odd_wheel(NAME, fault=oddity)), NAME)
