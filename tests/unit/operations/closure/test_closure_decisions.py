"""What a closure decides on files: chosen ones, and the real cause of each other one."""

from __future__ import annotations

import pytest

from microrepo.model import Cause, File, NormalizedName
from microrepo.operations.closure.closure_decisions import decide_by_closure
from microrepo.selection.environments.presets import environment_from_preset

CLUSTER = environment_from_preset("cluster", "cp311-manylinux_2_28_x86_64")
WINDOWS = environment_from_preset("cp312-win_amd64", "cp312-win_amd64")
CHOSEN = File("num-2.0-py3-none-any.whl", "u", "2.0", "bdist_wheel")


def file(name: str, **about: object) -> File:
    version = name.removesuffix(".tar.gz").split("-")[1]
    kind = "bdist_wheel" if name.endswith(".whl") else "sdist"
    return File(name, "u", version, kind, **about)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "cause", "detail"),
    [
        (file("num-2.0-cp311-cp311-win_amd64.whl"), Cause.PLATFORM, "cp311-manylinux_2_28_x86_64"),
        (
            file("num-2.0-cp39-cp39-manylinux_2_28_x86_64.whl"),
            Cause.PYTHON,
            "cluster (cp311-manylinux_2_28_x86_64)",
        ),
        (file("num-2.0-cp311-cp311-manylinux_2_35_x86_64.whl"), Cause.PLATFORM, "cannot"),
        (file("num-2.0.tar.gz", requires_python=">=3.13"), Cause.REQUIRES_PYTHON, "cluster"),
        (file("num-2.0.tar.gz"), Cause.NOT_IN_CLOSURE, "another file of 2.0 is preferred"),
        (file("num-1.9.tar.gz"), Cause.SUPERSEDED, "2.0 is chosen"),
        (file("num-2.1.tar.gz"), Cause.NOT_IN_CLOSURE, "2.0 is chosen"),
        (file("num-2.1rc1.tar.gz"), Cause.NOT_IN_CLOSURE, "this is a pre-release"),
        (file("num-2.1.tar.gz", yanked=True), Cause.NOT_IN_CLOSURE, "this release is yanked"),
    ],
)
def test_the_cause_of_a_file_that_is_left_out(one: File, cause: Cause, detail: str) -> None:
    chosen = {CHOSEN.filename: "app"}
    kept, left = decide_by_closure(NormalizedName("num"), (CHOSEN, one), chosen, (CLUSTER,))
    assert (kept.keep, kept.cause, kept.detail) == (True, Cause.REQUIRED, "app")
    assert (left.keep, left.cause) == (False, cause)
    assert detail.replace("cannot", "no target environment can use it") in left.detail


def test_one_environment_that_can_use_a_file_is_enough() -> None:
    wheel = file("num-2.0-cp312-cp312-win_amd64.whl")
    (left,) = decide_by_closure(NormalizedName("num"), (wheel,), {}, (CLUSTER, WINDOWS))
    assert (left.cause, left.detail) == (Cause.NOT_IN_CLOSURE, "no goal needs num")
    other = file("num-2.0-cp312-cp312-win32.whl")
    (left,) = decide_by_closure(NormalizedName("num"), (other,), {}, (CLUSTER, WINDOWS))
    assert left.detail.endswith("cluster (cp311-manylinux_2_28_x86_64), cp312-win_amd64")


def test_further_releases_that_are_kept() -> None:
    older = file("num-1.9.tar.gz")
    chosen = {CHOSEN.filename: "app"}
    decisions = decide_by_closure(
        NormalizedName("num"), (CHOSEN, older), chosen, (CLUSTER,), also={older.filename}
    )
    assert [one.cause for one in decisions] == [Cause.REQUIRED, Cause.SELECTED]
