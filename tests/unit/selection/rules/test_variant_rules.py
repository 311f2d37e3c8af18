"""Variant wheels, the file that explains their labels, and wheels of later formats."""

from __future__ import annotations

import msgspec
import pytest

from microrepo.errors import ConfigError
from microrepo.model import Cause, Decision, Digests, File, NormalizedName, Project
from microrepo.selection.rules.decisions import select, split_candidates
from microrepo.selection.rules.patterns import parse_labels
from microrepo.selection.rules.policy import Policy
from microrepo.selection.trust.downgrades import TrustRules

NOW = "2026-11-30T12:00:00.000000Z"
PLAIN = "foo-2.0-py3-none-any.whl"
V3 = "foo-2.0-py3-none-any-x86_64_v3.whl"
NULL = "foo-2.0-1-py3-none-any-null.whl"
INDEX = "foo-2.0-variants.json"
OLD = "foo-1.0-py3-none-any.whl"
LATER = "foo-3.0-py3-none-any.whlx"


def _file(filename: str, **changes: object) -> File:
    version = filename.split("-")[1]
    kind = "unknown" if filename.endswith(".json") else "bdist_wheel"
    file = File(filename, f"https://f.example/{filename}", version, kind, Digests("a" * 64))
    return msgspec.structs.replace(file, **changes)


def _project(*files: File) -> Project:
    return Project(NormalizedName("foo"), "foo", files=files)


def _kept(project: Project, **rules: object) -> set[str]:
    policy = Policy(**rules)  # type: ignore[arg-type]
    return {one.file.filename for one in select(project, policy, NOW) if one.keep}


def _decision(project: Project, filename: str, **rules: object) -> Decision:
    policy = Policy(**rules)  # type: ignore[arg-type]
    return next(one for one in select(project, policy, NOW) if one.file.filename == filename)


ALL = _project(*map(_file, (PLAIN, V3, NULL, INDEX, OLD)))


@pytest.mark.parametrize(
    ("variants", "expected"),
    [
        pytest.param((), {PLAIN}, id="none by default"),
        pytest.param(("null",), {PLAIN, NULL, INDEX}, id="the fallback"),
        pytest.param(("x86_64_v*",), {PLAIN, V3, INDEX}, id="a pattern"),
        pytest.param(("*",), {PLAIN, V3, NULL, INDEX}, id="all"),
        pytest.param(("cu128",), {PLAIN}, id="a label that no wheel has"),
    ],
)
def test_labels_choose_variant_wheels(variants: tuple[str, ...], expected: set[str]) -> None:
    types = ("bdist_wheel", "sdist")
    assert _kept(ALL, variants=variants, package_types=types, extensions=("whl",)) == expected


def test_rejections_are_explained() -> None:
    assert _decision(ALL, V3) == Decision(
        _file(V3), False, Cause.VARIANT, "x86_64_v3, see `variants`"
    )
    index = _decision(ALL, INDEX, variants=("cu*",))
    assert (index.cause, index.detail) == (
        Cause.VARIANT,
        "no variant wheel of this release is kept",
    )


def test_tags_of_variant_wheels_are_those_before_the_label() -> None:
    native = "foo-2.0-cp313-cp313-win_amd64-cu128.whl"
    project = _project(_file(native), _file("foo-2.0-cp313-cp313-win_amd64.whl"))
    assert native in _kept(project, variants=("*",), platforms=("win_amd64",))
    linux = _decision(project, native, variants=("*",), platforms=("manylinux*",))
    assert (linux.cause, linux.detail) == (Cause.PLATFORM, "win_amd64")


def test_release_of_later_installers_does_not_replace_an_older_one() -> None:
    """What no current installer can use is kept, but not counted as the newest release."""
    project = _project(*map(_file, (V3, INDEX, OLD, LATER)))
    assert _kept(project, variants=("*",)) == {V3, INDEX, OLD, LATER}
    assert _kept(project) == {OLD, LATER}
    assert _kept(project, extensions=("whl",)) == {OLD}


def test_prereleases_stand_in_where_only_variant_wheels_are_final() -> None:
    project = _project(_file(V3), _file("foo-3.0b1-py3-none-any.whl"))
    kept = _kept(project, variants=("*",), prereleases=None)
    assert kept == {V3, "foo-3.0b1-py3-none-any.whl"}


def test_index_follows_its_wheels_whatever_its_age() -> None:
    index = _file(INDEX, upload_time="2026-11-30T11:00:00.000000Z", yanked=True)
    old = {"upload_time": "2026-01-01T00:00:00.000000Z"}
    project = _project(_file(PLAIN, **old), _file(V3, **old), index)
    assert INDEX in _kept(project, variants=("*",), min_age_days=3)
    assert INDEX not in _kept(project, variants=("*",), min_age_days=3000)


def test_index_without_digest_is_not_kept() -> None:
    project = _project(_file(V3), _file(INDEX, digests=Digests()))
    assert _decision(project, INDEX, variants=("*",)).cause is Cause.NO_DIGEST
    assert INDEX in _kept(project, variants=("*",), require_digests=False)


def test_index_of_another_project_is_refused() -> None:
    other = _file("bar-2.0-variants.json")
    project = _project(_file(V3), other)
    assert _decision(project, other.filename, variants=("*",)).cause is Cause.UNSAFE_NAME


def test_closures_use_nothing_of_it() -> None:
    project = _project(*map(_file, (PLAIN, V3, INDEX, LATER)))
    files, rejected = split_candidates(project, Policy(variants=("*",)), NOW)
    assert [file.filename for file in files] == [PLAIN]
    texts = {one.file.filename: (one.cause, one.detail) for one in rejected}
    assert texts == {
        V3: (Cause.VARIANT, "no current installer reads variant labels"),
        INDEX: (Cause.VARIANT, "no current installer reads variant labels"),
        LATER: (Cause.PACKAGE_TYPE, "no current installer reads .whlx files"),
    }


def test_index_does_not_weaken_the_provenance_of_its_release() -> None:
    """Only wheels and sdists are attested; the next release is measured by these."""
    attested = {"provenance": "https://i.example/p"}
    new = "foo-3.0-py3-none-any.whl"
    project = _project(_file(PLAIN, **attested), _file(V3, **attested), _file(INDEX), _file(new))
    refused = _decision(project, new, variants=("*",), trust=TrustRules(no_downgrade=True))
    assert refused.cause is Cause.WEAKER_PROVENANCE
    assert _decision(project, INDEX, variants=("*",), trust=TrustRules(no_downgrade=True)).keep


@pytest.mark.parametrize("pattern", ["X86", "cu-12 ", "", "a,b"])
def test_patterns_that_match_no_label(pattern: str) -> None:
    with pytest.raises(ConfigError, match="matches no variant label"):
        parse_labels([pattern], "variants")
