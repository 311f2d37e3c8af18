"""Laws of the selection: one decision per file, no matter the order, and rules only take away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from random import Random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from microrepo.formats.distribution.filenames import unsafe_filename
from microrepo.model import Cause, Decision, Project
from microrepo.selection.environments.python_versions import PythonFilter, parse_python_words
from microrepo.selection.rules.decisions import reconsider_at, select, split_candidates
from microrepo.selection.rules.patterns import parse_patterns
from microrepo.selection.rules.policy import Policy
from tests.property.strategies import NOW, OPERATOR_RULES, policies, projects

ALL_VERSIONS = st.none()


def kept(decisions: Iterable[Decision]) -> set[bytes]:
    return {msgspec.msgpack.encode(decision.file) for decision in decisions if decision.keep}


@given(projects(), policies())
def test_one_decision_for_each_file(project: Project, policy: Policy) -> None:
    decisions = select(project, policy, NOW)
    encode = msgspec.msgpack.encode
    assert Counter(encode(d.file) for d in decisions) == Counter(map(encode, project.files))


@given(projects(), policies())
def test_each_decision_has_its_reason(project: Project, policy: Policy) -> None:
    for decision in select(project, policy, NOW):
        assert (decision.cause is Cause.SELECTED) is decision.keep


@given(projects(), policies(), st.randoms(use_true_random=False))
def test_order_never_matters(project: Project, policy: Policy, random: Random) -> None:
    files = list(project.files)
    random.shuffle(files)
    shuffled = msgspec.structs.replace(project, files=tuple(files))

    def decided(project: Project) -> list[bytes]:
        return sorted(map(msgspec.msgpack.encode, select(project, policy, NOW)))

    assert decided(shuffled) == decided(project)


@given(projects(), policies())
def test_no_unsafe_name_is_ever_kept(project: Project, policy: Policy) -> None:
    for decision in select(project, policy, NOW):
        assert not (decision.keep and unsafe_filename(decision.file.filename))


@given(projects(), policies(st.integers(1, 3)))
def test_the_newest_n_are_some_of_all(project: Project, policy: Policy) -> None:
    everything = msgspec.structs.replace(policy, newest=None)
    assert kept(select(project, policy, NOW)) <= kept(select(project, everything, NOW))


@given(projects(), policies(st.integers(1, 3)))
def test_more_versions_never_take_a_file_away(project: Project, policy: Policy) -> None:
    assert policy.newest is not None
    more = msgspec.structs.replace(policy, newest=policy.newest + 1)
    assert kept(select(project, policy, NOW)) <= kept(select(project, more, NOW))


@given(projects(), policies(st.integers(1, 3)))
def test_the_union_over_pythons_is_the_pythons_one_by_one(project: Project, policy: Policy) -> None:
    pythons = parse_python_words(["3.8", "3.11", "3.12"])
    together = msgspec.structs.replace(policy, pythons=pythons)
    one_by_one: set[bytes] = set()
    for target in pythons.targets:
        alone = msgspec.structs.replace(policy, pythons=PythonFilter(targets=(target,)))
        one_by_one |= kept(select(project, alone, NOW))
    assert kept(select(project, together, NOW)) == one_by_one


# A rule that leaves files out, in front of the cut to the newest N: where that cut is made, a
# release that loses its files makes room for an older one. So the law is about all versions.
DENY: dict[str, dict[str, object]] = {
    "exclude the project": {"excluded": parse_patterns(["f*"], "exclude")},
    "exclude releases": {"excluded": parse_patterns(["foo<1.0", "foo>=2.0"], "exclude")},
    "no pre-releases": {"prereleases": False},
    "nothing yanked": {"yanked": False},
    "digests": {"require_digests": True},
    "size": {"max_file_bytes": 5},
    "upload time": {"uploaded_before": "2020-01-01T00:00:00.000000Z"},
    "age": {"min_age_days": 10_000},
    "no type": {"package_types": ()},
    "no extension": {"extensions": ()},
    "no platform": {"platforms": ()},
    **{
        f"{key} {number}": {key: value}
        for key, number, value in (
            (key, number, value)
            for key, values in OPERATOR_RULES.items()
            if key not in {"newest_by", "keep_stable", "min_age_exempt"}
            for number, value in enumerate(values)
        )
    },
}


@given(projects(), policies(ALL_VERSIONS))
def test_a_deny_rule_never_adds_a_file(project: Project, policy: Policy) -> None:
    before = kept(select(project, policy, NOW))
    for name, rule in DENY.items():
        key = next(iter(rule))
        if key in OPERATOR_RULES and getattr(policy, key) != getattr(Policy(), key):
            continue  # it would take the place of another rule
        stricter = msgspec.structs.replace(policy, **rule)
        if stricter.allowed is not None and key == "allowed":
            # What `allow` pins is wanted more than before.
            listed = msgspec.structs.replace(stricter.allowed, releases={})
            stricter = msgspec.structs.replace(stricter, allowed=listed)
        assert kept(select(project, stricter, NOW)) <= before, name


@given(projects(), policies(ALL_VERSIONS), st.sampled_from(("types", "extensions", "platforms")))
def test_a_shorter_list_never_adds_a_file(project: Project, policy: Policy, field: str) -> None:
    field = "package_types" if field == "types" else field
    words = getattr(policy, field) or ("bdist_wheel", "sdist", "whl", "gz", "any", "win*")
    longer = msgspec.structs.replace(policy, **{field: words})
    shorter = msgspec.structs.replace(policy, **{field: words[1:]})
    assert kept(select(project, shorter, NOW)) <= kept(select(project, longer, NOW))


@given(projects(), policies(ALL_VERSIONS))
def test_a_python_less_never_adds_a_file(project: Project, policy: Policy) -> None:
    """As long as one Python is left: generic words alone mean something else."""
    many = msgspec.structs.replace(policy, pythons=parse_python_words(["3.8", "3.12", "2.7"]))
    few = msgspec.structs.replace(policy, pythons=parse_python_words(["3.8", "py2"]))
    assert kept(select(project, few, NOW)) <= kept(select(project, many, NOW))


@given(projects(), policies())
def test_the_next_look_lies_in_the_future(project: Project, policy: Policy) -> None:
    moment = reconsider_at(select(project, policy, NOW), policy)
    assert moment is None or moment > NOW


@given(projects(), policies(ALL_VERSIONS))
def test_what_is_pinned_passes_rules_on_projects_and_releases(
    project: Project, policy: Policy
) -> None:
    pinned = msgspec.structs.replace(policy, requested={project.name: ("==1.0",)})
    bare = msgspec.structs.replace(
        pinned,
        allowed=None,
        metadata=(),
        max_project_bytes=None,
        min_versions=None,
        max_versions=None,
        allow_releases=(),
        exclude_releases=(),
        vulnerabilities="ignore",
    )
    assert kept(select(project, pinned, NOW)) == kept(select(project, bare, NOW))


@given(projects(), policies(ALL_VERSIONS))
def test_selecting_again_from_what_was_selected_changes_nothing(
    project: Project, policy: Policy
) -> None:
    # Rules on the extent of a project look at all that the source lists.
    extent = {"max_project_bytes": None, "min_versions": None, "max_versions": None}
    policy = msgspec.structs.replace(policy, **extent)
    decisions = select(project, policy, NOW)
    rest = msgspec.structs.replace(project, files=tuple(d.file for d in decisions if d.keep))
    assert kept(select(rest, policy, NOW)) == kept(decisions)


@given(projects(), policies(ALL_VERSIONS))
def test_the_closure_chooses_from_no_more_than_the_rules_admit(
    project: Project, policy: Policy
) -> None:
    """Pre-releases, yanked files and Pythons aside, which the closure knows better."""
    candidates, rejected = split_candidates(project, policy, NOW)
    encode = msgspec.msgpack.encode
    assert Counter(map(encode, (*candidates, *(d.file for d in rejected)))) == Counter(
        map(encode, project.files)
    )
    free = msgspec.structs.replace(policy, prereleases=True, yanked=True, pythons=None, newest=None)
    assert kept(select(project, free, NOW)) <= set(map(encode, candidates))
