"""A release at the destination, as a template for another."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.errors import FailedCommand
from microrepo.model import Digests
from microrepo.operations.mirror.release_template import Template, find_template
from tests.support.packages import build_sdist, build_wheel
from tests.support.upstream import file_of
from tests.unit.operations.conftest import MakeChannel

WHEEL, LINUX = build_wheel("foo", "1.0"), build_wheel("foo", "1.0", platform_tag="linux_x86_64")
SDIST = build_sdist("foo", "1.0")


@pytest.fixture
def template(target: Path) -> Template:
    return Template([built.write_to(target) for built in (WHEEL, LINUX, SDIST)])


@pytest.mark.parametrize(
    ("filename", "like"),
    [
        ("foo-2.0-py3-none-any.whl", WHEEL.filename),
        ("foo-2.0-py3-none-linux_x86_64.whl", LINUX.filename),
        ("foo-2.0-cp311-none-any.whl", None),
        ("foo-2.0.tar.gz", None),
    ],
)
def test_a_wheel_of_the_same_tags(template: Template, filename: str, like: str | None) -> None:
    found = template.wheel_like(filename)
    assert (found and found.name) == like


def test_the_same_content_under_another_name(template: Template) -> None:
    renamed = file_of(WHEEL, filename="foo-2.0-py3-none-any.whl")
    found = template.same_as(renamed)
    assert found is not None
    assert found.name == WHEEL.filename
    assert template.same_as(file_of(WHEEL)) is None
    assert template.same_as(file_of(WHEEL, filename="x.whl", digests=Digests())) is None
    assert template.same_as(file_of(WHEEL, filename="x.whl", digests=Digests("0" * 64))) is None


def test_it_is_found_at_the_destination(
    open_near: MakeChannel, template: Template, target: Path
) -> None:
    build_wheel("foo", "2.0").write_to(target)
    build_wheel("foo-bar", "1.0").write_to(target)
    found = find_template(open_near(), "Foo", "1")
    assert found.wheel_like("foo-9-py3-none-any.whl") == target / WHEEL.filename
    with pytest.raises(FailedCommand):
        find_template(open_near(), "foo", "3.0")
