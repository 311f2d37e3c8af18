"""Laws of the budget: what goes depends on ages alone, and a larger budget keeps more."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from microrepo.model import NormalizedName
from microrepo.selection.rules.eviction import HeldFile, HeldRelease, Ledger, releases_of
from tests.property.strategies import PROJECTS, VERSIONS

Held = dict[NormalizedName, tuple[HeldRelease, ...]]


@st.composite
def held(draw: st.DrawFn) -> Held:
    """What is wanted of some projects; sizes and ages meet often."""
    found: Held = {}
    for project in PROJECTS:
        versions = draw(st.lists(st.sampled_from(VERSIONS), max_size=5))
        files = [
            HeldFile(
                f"{project}-{version}-{number}.zip",
                version,
                draw(st.sampled_from((0, 1, 2, 10))),
                draw(st.integers(0, 4)),
                draw(st.integers(0, 9)) == 0,
            )
            for number, version in enumerate(versions)
        ]
        pinned = draw(st.sampled_from(VERSIONS))
        found[project] = releases_of(project, files, pinned.__eq__)
    return found


def left(wanted: Held, limit: int, order: list[NormalizedName] | None = None) -> set[str]:
    """Names of files that stay."""
    ledger = Ledger(limit)
    for project in order or list(wanted):
        ledger.put(project, wanted[project])
    gone = {name for release in ledger.evict() for name in release.filenames}
    kept = [r for releases in wanted.values() for r in releases if not gone & set(r.filenames)]
    assert ledger.total_bytes == sum(release.size_bytes for release in kept)
    return {name for release in kept for name in release.filenames}


@given(held(), st.integers(0, 60))
def test_what_stays_fits_or_cannot_go(wanted: Held, limit: int) -> None:
    everything = [release for releases in wanted.values() for release in releases]
    stays = left(wanted, limit)
    kept = [release for release in everything if set(release.filenames) <= stays]
    assert sum(r.size_bytes for r in kept) <= limit or all(r.fixed for r in kept)
    assert all(release in kept for release in everything if release.fixed)
    for project, releases in wanted.items():
        assert not releases or any(release.project == project for release in kept)


@given(held(), st.integers(0, 60))
def test_the_oldest_go_and_no_more_than_needed(wanted: Held, limit: int) -> None:
    movable = sorted(r for releases in wanted.values() for r in releases if not r.fixed)
    stays = left(wanted, limit)
    gone = [release for release in movable if not set(release.filenames) <= stays]
    assert gone == movable[: len(gone)]
    if gone:
        total = sum(r.size_bytes for releases in wanted.values() for r in releases)
        assert total - sum(release.size_bytes for release in gone[:-1]) > limit


@given(held(), st.integers(0, 60), st.integers(0, 60))
def test_a_larger_budget_keeps_all_that_a_smaller_one_kept(
    wanted: Held, limit: int, more: int
) -> None:
    assert left(wanted, limit) <= left(wanted, limit + more)


@given(held(), st.integers(0, 60), st.randoms(use_true_random=False))
def test_order_never_matters(wanted: Held, limit: int, random: Random) -> None:
    order = list(wanted)
    random.shuffle(order)
    assert left(wanted, limit, order) == left(wanted, limit)


@given(held(), st.integers(0, 60), st.sampled_from(PROJECTS))
def test_saying_it_again_changes_nothing(wanted: Held, limit: int, again: NormalizedName) -> None:
    """A project that is looked at once more wants all its releases, and loses the same."""
    ledger = Ledger(limit)
    for project, releases in wanted.items():
        ledger.put(project, releases)
    first = set(ledger.evict())
    total = ledger.total_bytes
    assert ledger.evict() == []
    ledger.put(again, wanted[again])
    assert set(ledger.evict()) == {release for release in first if release.project == again}
    assert ledger.total_bytes == total
