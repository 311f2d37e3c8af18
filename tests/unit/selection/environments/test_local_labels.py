"""Local version labels: which build of a project an environment uses."""

from __future__ import annotations

import pytest

from microrepo.errors import ConfigError
from microrepo.model import File, NormalizedName
from microrepo.selection.closure.closure import build_environment
from microrepo.selection.environments.presets import parse_environments
from microrepo.selection.resolver.admission import ANYTHING, admission_of
from microrepo.selection.resolver.goal_records import Goal

PRESET = "cp312-manylinux_2_28_x86_64"
TORCH = NormalizedName("torch")


def test_a_table_with_a_preset() -> None:
    labels = {"Torch": "CU_128", "numpy": ""}
    (found,) = parse_environments({"gpu": {"preset": PRESET, "local_versions": labels}})
    (plain,) = parse_environments({"gpu": PRESET})
    assert found.local_versions == (("numpy", ""), ("torch", "cu.128"))
    assert (found.markers, found.tags, plain.local_versions) == (plain.markers, plain.tags, ())


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"preset": 3}, r"\$\.environments\.x\.preset: must be text"),
        ({"preset": "cp312-win"}, "is not a preset"),
        ({"preset": PRESET, "glibc": "2.28"}, r"x\.glibc: cannot be combined with `preset`"),
        ({"preset": PRESET, "local_versions": "cpu"}, r"local_versions: must be a table"),
        ({"preset": PRESET, "local_versions": {"a b": "cpu"}}, "not the name of a project"),
        ({"preset": PRESET, "local_versions": {"a": "cpu", "A": "x"}}, "'A' is named twice"),
        ({"preset": PRESET, "local_versions": {"torch": "+cpu"}}, "must be a local version label"),
        ({"preset": PRESET, "local_versions": {"torch": 1}}, "must be a local version label"),
        ({"local_versions": {"torch": "cpu"}}, "missing; run `microrepo env`"),
    ],
)
def test_what_cannot_be_read(entry: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        parse_environments({"x": entry})


@pytest.mark.parametrize(
    ("label", "version", "is_admitted"),
    [
        ("cpu", "2.0+cpu", True),
        ("cpu", "2.0+CPU", True),
        ("cpu", "2.0+cpu.cxx11", False),
        ("cpu", "2.0+cu128", False),
        ("cpu", "2.0", False),
        ("", "2.0", True),
        ("", "2.0+cpu", False),
    ],
)
def test_files_of_other_builds_are_not_admitted(
    label: str, version: str, *, is_admitted: bool
) -> None:
    entry = {"preset": PRESET, "local_versions": {"torch": label}}
    (environment,) = parse_environments({"x": entry})
    file = File(f"torch-{version}-py3-none-any.whl", "", version, "bdist_wheel")
    for target in (environment, build_environment(environment)):
        admission = admission_of(Goal("torch", ()), target)
        assert admission.admits(TORCH, file) == is_admitted
        assert admission.admits(NormalizedName("other"), file)
    assert ANYTHING.admits(TORCH, file)
