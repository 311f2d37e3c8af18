"""Variant wheels (PEP 825): chosen by their labels, with the file that explains them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import pytest

from microrepo.model import Cause
from tests.functional.server.serving import serve
from tests.support.index import FakeIndex
from tests.support.nginx import NGINX, nginx_over
from tests.support.packages import BuiltFile, build_wheel
from tests.support.repository import DEFAULTS, Repository
from tests.support.server import PyPIServer
from tests.support.variants import variant_wheel, variants_index

PLAIN = build_wheel("foo", "1.0")
V2 = variant_wheel("foo", "1.0", "x86_64_v2")
V3 = variant_wheel("foo", "1.0", "x86_64_v3")
FALLBACK = variant_wheel("foo", "1.0", "null", build_tag="1")
LABELS = variants_index("foo", "1.0", "x86_64_v2", "null")
MORE_LABELS = variants_index("foo", "1.0", "x86_64_v2", "x86_64_v3", "null")


@pytest.fixture(params=["json", "simple"])
def by_rules(
    request: pytest.FixtureRequest, repo: Repository, pypi: PyPIServer, index: FakeIndex
) -> Repository:
    """A repository with pages and without closures, over either API."""
    for file in (PLAIN, V2, FALLBACK, LABELS):
        index.add("foo", file)
    repo.settings = (*DEFAULTS, "--no-dependencies")
    repo.source = pypi.simple_url if request.param == "simple" else pypi.url
    return repo


def _publish_another_variant(index: FakeIndex) -> None:
    """Add a wheel; the file that explains the labels gets new content under its name."""
    index.add("foo", V3)
    index.remove_file("foo", LABELS.filename)
    index.add("foo", MORE_LABELS)


def test_none_by_default(by_rules: Repository) -> None:
    by_rules.refresh("foo")
    by_rules.holds(PLAIN)
    told = by_rules.run("explain", "foo", *by_rules.flags()).stdout
    assert "variant (x86_64_v2, see `variants`)" in told
    assert "variant (no variant wheel of this release is kept)" in told


def test_labels_choose_and_their_explanation_comes_with_them(by_rules: Repository) -> None:
    report = by_rules.refresh("foo", "--variants", "x86_64_v*")
    by_rules.holds(PLAIN, V2, LABELS)
    assert report.warnings == ()
    page = json.loads((by_rules.path / "simple" / "foo" / "index.v1_json").read_bytes())
    assert page["versions"] == ["1.0"]
    again = by_rules.refresh("foo", "--variants", "null")
    by_rules.holds(PLAIN, FALLBACK, LABELS)
    assert again.downloaded == 1


def test_explanation_is_replaced_when_it_changes(by_rules: Repository, index: FakeIndex) -> None:
    by_rules.refresh("foo", "--variants", "x86_64_v2")
    _publish_another_variant(index)
    planned = by_rules.refresh("foo", "--variants", "x86_64_v2", "--dry-run")
    assert [action.cause for action in planned.plan] == [Cause.UPDATED]
    report = by_rules.refresh("foo", "--variants", "x86_64_v2")
    by_rules.holds(PLAIN, V2, MORE_LABELS)
    assert (report.downloaded, report.conflicts, report.deleted) == (1, (), 0)
    assert json.loads(by_rules.do("verify", "--json").stdout)["failed"] == []


def test_last_variant_wheel_takes_the_explanation_with_it(
    by_rules: Repository, index: FakeIndex
) -> None:
    by_rules.refresh("foo", "--variants", "all")
    report = by_rules.refresh("foo")
    by_rules.holds(PLAIN)
    assert report.deleted == 3


def test_bundles_and_snapshots_carry_the_current_explanation(
    by_rules: Repository, index: FakeIndex, tmp_path: Path
) -> None:
    bundles, inside = tmp_path / "bundles", tmp_path / "inside"
    by_rules.refresh("foo", "--variants", "all")
    by_rules.do("snapshot", "create", "before")
    by_rules.run("export", bundles, "--repository", by_rules.path)
    _publish_another_variant(index)
    by_rules.refresh("foo", "--variants", "all")
    by_rules.run("export", bundles, "--repository", by_rules.path)
    by_rules.run("import", bundles, "--repository", inside, "--allow-unsigned")
    received = Repository(inside, "", by_rules.program, DEFAULTS)
    received.holds(PLAIN, V2, V3, FALLBACK, MORE_LABELS)
    by_rules.do("snapshot", "restore", "before")
    by_rules.holds(PLAIN, V2, FALLBACK, LABELS)


def test_closures_and_check_use_no_variant_wheel(
    repo: Repository, index: FakeIndex, pypi: PyPIServer
) -> None:
    """The newest release has only variant wheels: installers get the one before."""
    new: tuple[BuiltFile, ...] = (
        variant_wheel("foo", "2.0", "null"),
        variants_index("foo", "2.0", "null"),
    )
    for file in (PLAIN, *new):
        index.add("foo", file)
    repo.settings = (*DEFAULTS, "--variants", "all")
    repo.refresh("foo")
    repo.holds(PLAIN)
    told = repo.run("explain", new[0].filename, *repo.flags()).stdout
    assert "variant (no current installer reads variant labels)" in told
    for file in new:
        file.write_to(repo.path)
    (repo.path / PLAIN.filename).unlink()
    checked = repo.run("check", "foo", "--repository", repo.path, expect=3).stdout
    assert "foo 2.0 has no file that current installers read" in checked
    unmet = repo.run("refresh", "foo>=2", *repo.flags(), expect=None)
    assert "variant (no current installer reads variant labels)" in unmet.stdout + unmet.stderr


@pytest.mark.parametrize("server", ["own", "nginx"])
def test_caches_may_not_keep_the_explanation(
    by_rules: Repository, tmp_path: Path, server: str
) -> None:
    """It changes under its name; wheels do not."""
    if server == "nginx" and NGINX is None:
        pytest.skip("nginx is not installed")
    by_rules.refresh("foo", "--variants", "all")
    running = (
        nginx_over(by_rules.path, tmp_path / "nginx") if server == "nginx" else serve(by_rules.path)
    )
    with running as site, urlopen(site.url + LABELS.filename) as answer:
        assert answer.read() == LABELS.content
        assert answer.headers["Cache-Control"] == "max-age=0, must-revalidate"
        assert answer.headers["Content-Type"] == "application/json"
        with urlopen(site.url + V2.filename) as wheel:
            assert "immutable" in wheel.headers["Cache-Control"]


def test_wheels_of_later_formats_are_kept_when_asked_for(
    repo: Repository, index: FakeIndex, pypi: PyPIServer
) -> None:
    """They come beside the newest release that installers can use, and no closure uses them."""
    later = build_wheel("foo", "2.0")
    later = replace(later, filename=f"{later.filename}x")
    index.add("foo", PLAIN)
    index.add("foo", later)
    repo.settings = (*DEFAULTS, "--extensions", "whl,whlx")
    repo.refresh("foo")
    repo.holds(PLAIN)
    repo.refresh("foo", "--no-dependencies")
    repo.holds(PLAIN, later)
