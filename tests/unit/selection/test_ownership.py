"""Whose a project is, when there are several sources."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microrepo.errors import ConfigError
from microrepo.model import File, NormalizedName, Project
from microrepo.selection.ownership import Merged, merge_lists, owner_of, parts_of
from microrepo.selection.reservations import Listed, ProjectOrigin, Reservations, normalized

NOBODY = Reservations([(), ()])


@pytest.mark.parametrize(
    ("pattern", "name", "is_matched"),
    [
        ("Acme.Tool", "acme-tool", True),
        ("acme", "acme-tool", False),
        ("acme-*", "acme-tool", True),
        ("Acme_*", "acme-tool", True),
        ("acme-*", "acme", False),
        ("re:acme-\\d+", "acme-12", True),
        ("re:acme-\\d+$", "acme-12x", False),
        ("re:^acme-", "acme-tool", True),
        ("re:^acme-", "my-acme-tool", False),
        ("re:acme", "my-acme-tool", True),
        ("re:^(a)b\\1$", "aba", True),
        ("re:a|b", "b", True),
    ],
)
def test_reserved_names(pattern: str, name: str, is_matched: bool) -> None:
    assert Reservations([(), (pattern,)]).owner(name) == (1 if is_matched else None)


def test_the_first_of_two_reservations_counts() -> None:
    assert Reservations([("b",), ("a*",), ("acme",)]).owner("acme") == 1


@pytest.mark.parametrize("word", ["acme==1", "acme tool", "-r FILE", "acme-", "a<2", "acme/*"])
def test_what_would_reserve_nothing_is_refused(word: str) -> None:
    with pytest.raises(ConfigError, match="is not a name, a glob"):
        Reservations([(word,)])


def test_a_pattern_that_cannot_be_read() -> None:
    with pytest.raises(ConfigError, match=r"packages: 're:\(': no pattern"):
        Reservations([("re:(",)])


@pytest.mark.parametrize(
    ("lists", "unlisted", "expected"),
    [
        pytest.param([{"acme"}], (), ProjectOrigin((0,)), id="listed by the first"),
        pytest.param([{"other"}], (), ProjectOrigin((1,)), id="not listed: the last"),
        pytest.param([None], (), ProjectOrigin(unknown=0), id="the list is not known"),
        pytest.param([{"acme"}, None], (), ProjectOrigin((0,)), id="a later list does not matter"),
        pytest.param([set(), {"acme"}], (0,), ProjectOrigin((0, 1)), id="asked by page before"),
        pytest.param([set()], (0,), ProjectOrigin((0, 1)), id="asked by page, then the last"),
        pytest.param([set(), None], (0,), ProjectOrigin((0,), 1), id="by page, then unknown"),
    ],
)
def test_owner(
    lists: list[set[str] | None], unlisted: tuple[int, ...], expected: ProjectOrigin
) -> None:
    assert owner_of(NormalizedName("acme"), NOBODY, lists, unlisted) == expected


def test_a_reserved_name_needs_no_list() -> None:
    reservations = Reservations([(), ("acme",)])
    expected = ProjectOrigin((1,), refused=(0,), is_reserved=True)
    assert owner_of(NormalizedName("acme"), reservations, [None]) == expected


@pytest.mark.parametrize(
    ("lists", "unlisted", "expected"),
    [
        pytest.param([{"acme"}], (), ProjectOrigin((0,)), id="listed by another"),
        pytest.param([set()], (), ProjectOrigin(refused=(1,)), id="listed by no other"),
        pytest.param([None], (), ProjectOrigin(unknown=0), id="another may list it"),
        pytest.param([set()], (0,), ProjectOrigin((0,), refused=(1,)), id="another by page"),
    ],
)
def test_a_name_that_the_public_source_must_not_provide(
    lists: list[set[str] | None], unlisted: tuple[int, ...], expected: ProjectOrigin
) -> None:
    reservations = Reservations([(), ()], refused={1: ("acme*",)})
    assert owner_of(NormalizedName("acme"), reservations, lists, unlisted) == expected
    assert owner_of(NormalizedName("flask"), reservations, [set()]) == ProjectOrigin((1,))


@pytest.mark.parametrize("listed", [{"acme"}, set(), None])
def test_a_public_source_before_others(listed: set[str] | None) -> None:
    """Whether it lists the name, or does not answer: it is passed over."""
    reservations = Reservations([(), ()], refused={0: ("acme",)})
    expected = ProjectOrigin((1,), refused=(0,))
    assert owner_of(NormalizedName("acme"), reservations, [listed]) == expected


def test_a_source_that_must_not_provide_a_name_does_not_share_it() -> None:
    reservations = Reservations([(), ()], [("torch",), ("torch",)], {1: ("torch",)})
    assert reservations.origin("torch") == ProjectOrigin((0,), is_reserved=True)


def test_lists_without_what_their_sources_must_not_provide() -> None:
    reservations = Reservations([(), ("acme-own",)], refused={1: ("acme*",)})
    listed: Listed = {"Acme.Evil": 1, "acme-own": 2, "flask": 3}
    assert reservations.without_refused(1, listed) == {"acme-own": 2, "flask": 3}
    assert reservations.without_refused(0, listed) is listed


def test_a_wrong_pattern_of_reserved_names() -> None:
    with pytest.raises(ConfigError, match=r"reserved_names: 're:\(': no pattern"):
        Reservations([()], refused={0: ("re:(",)})


def test_merged_lists() -> None:
    private: Listed = {"Acme.Tool": None, "Shared": None}
    public: Listed = {"acme_tool": 5, "shared": 6, "flask": 7, "Secret": 8}
    merged = merge_lists({0: private, 1: public}, 2, Reservations([("secret",), ()]))
    assert merged == Merged(
        {"Acme.Tool": None, "Shared": None, "flask": 7}, 1, {"acme-tool": 0, "shared": 0}
    )
    assert merged.listed is public  # no second copy of a whole index
    assert (merged.owners("flask"), merged.owners("shared")) == ((1,), (0,))


def test_merged_lists_with_the_long_one_first() -> None:
    merged = merge_lists({0: {"a": 1, "b": 2, "c": 3}, 1: {"A": None, "x": None}}, 2, NOBODY)
    assert merged == Merged({"a": 1, "b": 2, "c": 3, "x": None}, 0, {"x": 1})


def test_without_the_private_list_nothing_is_public() -> None:
    merged = merge_lists({1: {"flask": 7, "torch": 8}}, 2, Reservations([(), ("torch",)]))
    assert merged == Merged({"torch": 8}, 1, {}, 0)


def test_without_the_public_list_the_private_one_goes_on() -> None:
    assert merge_lists({0: {"acme": 1}}, 2, NOBODY) == Merged({"acme": 1}, 0, {}, 1)
    assert merge_lists({}, 2, NOBODY) == Merged({}, 0, {}, 0)


SHARED = Reservations([(), (), ("acme",)], [("torch*",), ("acme", "torch"), ("torch", "acme")])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(
            "torch",
            ProjectOrigin((0, 1, 2), is_merged=True, is_reserved=True),
            id="all that name it",
        ),
        pytest.param(
            "torchvision",
            ProjectOrigin((0,), is_reserved=True),
            id="named by one: reserved for it",
        ),
        pytest.param(
            "acme",
            ProjectOrigin((2,), refused=(0, 1), is_reserved=True),
            id="a reserved name is not shared",
        ),
        pytest.param("flask", ProjectOrigin(unknown=0), id="others are found by the lists"),
    ],
)
def test_shared_names(name: str, expected: ProjectOrigin) -> None:
    assert owner_of(NormalizedName(name), SHARED, [None, None]) == expected


def test_a_shared_project_has_no_serial_and_all_its_sources() -> None:
    reservations = Reservations([(), (), ()], [(), ("torch",), ("torch",)])
    lists: dict[int, Listed] = {0: {"Torch": 9, "flask": 7}, 1: {"x": 1}, 2: {"Torch": 3, "y": 2}}
    merged = merge_lists(lists, 3, reservations)
    assert merged.listed == {"flask": 7, "x": 1, "y": 2, "Torch": None}
    assert merged.shared == {"torch": (1, 2)}
    assert (merged.owners("torch"), merged.owners("y")) == ((1, 2), (2,))


def test_a_source_that_does_not_share_a_project_does_not_list_it() -> None:
    reservations = Reservations([(), (), ()], [(), ("torch",), ("torch",)])
    merged = merge_lists({0: {"torch": 9}, 1: {"x": 1}, 2: {"y": 2}}, 3, reservations)
    assert sorted(merged.listed) == ["x", "y"]


NAMES = st.sampled_from(["a", "B", "b.c", "b--c", "B_C", "d", "e"])
LISTS = st.lists(st.dictionaries(NAMES, st.integers(1, 9)), min_size=2, max_size=3)
PATTERNS = st.lists(st.lists(st.sampled_from(["a", "b*", "re:[de]"]), max_size=2), min_size=3)


@given(LISTS, PATTERNS, PATTERNS, st.sets(st.integers(0, 2)))
def test_merging_agrees_with_asking_one_by_one(
    lists: list[Listed], patterns: list[list[str]], shared: list[list[str]], lost: set[int]
) -> None:
    """The merged list gives each project to whom the single question gives it, and loses none."""
    reservations = Reservations(patterns[: len(lists)], shared[: len(lists)])
    names = [
        None if number in lost else {normalized(display) for display in listed}
        for number, listed in enumerate(lists)
    ]
    expected = {}
    for name in set().union(*(found or () for found in names)):
        owner = owner_of(NormalizedName(name), reservations, names[:-1])
        asked = owner.candidates if owner.is_merged else owner.candidates[:1]
        if any(number not in lost and name in (names[number] or ()) for number in asked):
            expected[name] = asked
    known = {n: dict(listed) for n, listed in enumerate(lists) if n not in lost}
    merged = merge_lists(known, len(lists), reservations)
    found = {normalized(display): merged.owners(normalized(display)) for display in merged.listed}
    assert found == expected


def a_file(name: str, source: str = "") -> File:
    return File(name, "", "1.0", "bdist_wheel", source=source)


def test_the_parts_of_a_project_are_what_each_source_has() -> None:
    one, two, three = a_file("1", "cpu"), a_file("2", "cu128"), a_file("3", "cpu")
    old, gone = a_file("4"), a_file("5", "cu128")
    project = Project(
        NormalizedName("torch"), "torch", files=(one, two, three), withdrawn=(old, gone)
    )
    cpu, cu128 = parts_of(project)
    assert (cpu.files, cpu.withdrawn) == ((one, three), (old,))
    assert (cu128.files, cu128.withdrawn) == ((two,), (old, gone))


@pytest.mark.parametrize("files", [(), (a_file("1"), a_file("2")), (a_file("1", "cpu"),)])
def test_a_project_of_one_source_is_one_part(files: tuple[File, ...]) -> None:
    project = Project(NormalizedName("torch"), "torch", files=files)
    assert parts_of(project) == (project,)


@given(st.text("aB-_.", min_size=1, max_size=6))
def test_quick_normalisation(text: str) -> None:
    from packaging.utils import canonicalize_name

    assert normalized(text) == canonicalize_name(text)
