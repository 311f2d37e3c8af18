"""The gate against releases that were not published as their predecessors were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from microrepo.config.load import convert
from microrepo.formats.requirements.requirement import parse_requirements
from microrepo.model import (
    Cause,
    Decision,
    Digests,
    Evidence,
    File,
    NormalizedName,
    Project,
    TrustedPublisher,
    Verdict,
)
from microrepo.selection.rules.decisions import reconsider_at, select, split_candidates
from microrepo.selection.rules.policy import Policy, build_policy
from microrepo.selection.trust.refused_releases import distrusted_releases

NOW = "2026-11-30T00:00:00.000000Z"
ACME = TrustedPublisher("GitHub", "acme/foo", "release.yml", "pypi")
EVIL = TrustedPublisher("GitHub", "evil/foo", "release.yml")
KEYED = Evidence("d" * 64, (TrustedPublisher("Key"),))
UNSEEN = "unseen"
STEP = 7  # days between the uploads of two releases


def by(*publishers: TrustedPublisher) -> Evidence:
    return Evidence("d" * 64, publishers)


def upload(
    version: str,
    day: int,
    evidence: Evidence | str | None = UNSEEN,
    kind: str = "sdist",
    tags: str = "py3-none-any",
) -> File:
    name = f"foo-{version}.tar.gz" if kind == "sdist" else f"foo-{version}-{tags}.whl"
    return File(
        name,
        f"https://f.example/{name}",
        version,
        kind,
        Digests("a" * 64),
        upload_time=f"2026-{1 + day // 28:02}-{1 + day % 28:02}T00:00:00.000000Z",
        provenance=None if evidence is None else f"https://i.example/{name}/provenance",
        evidence=evidence if isinstance(evidence, Evidence) else None,
    )


def history(*evidence: Evidence | str | None) -> list[File]:
    """Releases 1.0, 2.0, ... in weekly steps, each with one sdist."""
    return [upload(f"{n}.0", n * STEP, one) for n, one in enumerate(evidence, 1)]


def policy_of(requirements: list[str] | None = None, **settings: Any) -> Policy:
    values = {"python_versions": "all", "trust_policy": "no-downgrade", **settings}
    return build_policy(
        convert(values, "test"), None if requirements is None else parse_requirements(requirements)
    )


def decide(files: list[File], withdrawn: tuple[File, ...] = (), **settings: Any) -> list[Decision]:
    project = Project(NormalizedName("foo"), "Foo", files=tuple(files), withdrawn=withdrawn)
    return list(select(project, policy_of(**settings), NOW))


def kept(files: list[File], **settings: Any) -> list[str]:
    return sorted({one.file.version for one in decide(files, **settings) if one.keep})


def refusals(files: list[File], **settings: Any) -> dict[str, Cause]:
    found = decide(files, versions="all", **settings)
    return {one.file.filename: one.cause for one in found if not one.keep}


class TestLevels:
    def test_an_attestation_that_is_missing_now_refuses_the_release(self) -> None:
        assert kept(history(UNSEEN, UNSEEN, None)) == ["2.0"]

    def test_nothing_is_refused_unless_the_setting_says_so(self) -> None:
        assert kept(history(UNSEEN, None), trust_policy="off") == ["2.0"]

    @pytest.mark.parametrize(
        ("evidence", "newest"),
        [
            pytest.param((None, None), "2.0", id="never attested"),
            pytest.param((None, UNSEEN), "2.0", id="attested now"),
            pytest.param((UNSEEN, UNSEEN), "2.0", id="both attested"),
            pytest.param((by(ACME), UNSEEN), "2.0", id="an object that was not read yet"),
            pytest.param((UNSEEN, by(ACME)), "2.0", id="an object read later"),
            pytest.param((by(ACME), KEYED), "1.0", id="a publisher, then only a key"),
            pytest.param((UNSEEN, KEYED), "2.0", id="perhaps a key, then a key"),
            pytest.param((KEYED, None), "1.0", id="a key, then nothing"),
            pytest.param((by(ACME), None), "1.0", id="a publisher, then nothing"),
        ],
    )
    def test_levels_are_compared(
        self, evidence: tuple[Evidence | str | None, ...], newest: str
    ) -> None:
        assert kept(history(*evidence)) == [newest]

    def test_a_second_bad_release_is_refused_like_the_first(self) -> None:
        assert kept(history(by(ACME), None, None, None)) == ["1.0"]

    def test_the_refusal_names_both_releases_and_the_publisher(self) -> None:
        (refused,) = [one for one in decide(history(by(ACME), None)) if not one.keep]
        assert refused.cause is Cause.WEAKER_PROVENANCE
        assert refused.detail == (
            "foo 2.0 (2026-01-15) is not attested, but the earlier foo 1.0 (2026-01-08) is attested "
            "by its publisher, GitHub acme/foo (release.yml) in pypi"
        )

    def test_a_pin_is_not_an_exception(self) -> None:
        assert kept(history(UNSEEN, None), requirements=["foo==2.0"]) == []

    def test_order_is_that_of_uploads_not_of_versions(self) -> None:
        files = [upload("2.0", 7), upload("1.9.1", 14, None)]
        assert refusals(files) == {"foo-1.9.1.tar.gz": Cause.WEAKER_PROVENANCE}

    def test_without_upload_times_versions_give_the_order(self) -> None:
        timeless = [_timeless(one) for one in history(UNSEEN, None)]
        assert kept(timeless) == ["1.0"]
        assert kept([_timeless(one) for one in history(None, UNSEEN)]) == ["2.0"]


def _timeless(file: File) -> File:
    return File(file.filename, file.url, file.version, file.package_type, file.digests,
                provenance=file.provenance)  # fmt: skip


class TestKindsOfFiles:
    def test_sdists_that_were_never_attested_are_no_downgrade(self) -> None:
        files = [
            file
            for n in (1, 2)
            for file in (
                upload(f"{n}.0", n * STEP, UNSEEN, "bdist_wheel"),
                upload(f"{n}.0", n * STEP, None),
            )
        ]
        assert refusals(files) == {}

    def test_one_wheel_without_attestation_is_refused_and_the_others_stay(self) -> None:
        files = [
            upload("1.0", 7, UNSEEN, "bdist_wheel"),
            upload("2.0", 14, UNSEEN, "bdist_wheel"),
            upload("2.0", 14, None, "bdist_wheel", "py3-none-win_amd64"),
        ]
        assert refusals(files) == {"foo-2.0-py3-none-win_amd64.whl": Cause.WEAKER_PROVENANCE}

    def test_a_wheel_added_later_to_an_old_release_is_refused(self) -> None:
        files = [*history(UNSEEN, UNSEEN), upload("1.0", 40, None, "bdist_wheel")]
        assert refusals(files) == {"foo-1.0-py3-none-any.whl": Cause.WEAKER_PROVENANCE}

    def test_the_weakest_file_of_an_earlier_release_counts(self) -> None:
        files = [
            upload("1.0", 7, UNSEEN, "bdist_wheel"),
            upload("1.0", 7, None, "bdist_wheel", "py3-none-win_amd64"),
            upload("2.0", 14, None, "bdist_wheel"),
        ]
        assert refusals(files) == {}

    def test_the_first_wheel_is_compared_with_the_sdists(self) -> None:
        files = [*history(UNSEEN), upload("2.0", 14, None, "bdist_wheel")]
        assert refusals(files) == {"foo-2.0-py3-none-any.whl": Cause.WEAKER_PROVENANCE}


class TestPublishers:
    def test_another_repository_is_refused(self) -> None:
        files = history(by(ACME), by(EVIL))
        assert kept(files) == ["1.0"]
        (refused,) = [one for one in decide(files) if not one.keep]
        assert refused.cause is Cause.OTHER_PUBLISHER
        assert refused.detail == (
            "foo 2.0 (2026-01-15) was published by GitHub evil/foo (release.yml), but the earlier "
            "foo 1.0 (2026-01-08) by GitHub acme/foo (release.yml) in pypi"
        )

    @pytest.mark.parametrize(
        "publisher",
        [
            pytest.param(
                TrustedPublisher("GitHub", "acme/foo", "publish.yml"), id="workflow renamed"
            ),
            pytest.param(
                TrustedPublisher("GitHub", "Acme/Foo", "release.yml"), id="spelt otherwise"
            ),
        ],
    )
    def test_the_same_repository_passes(self, publisher: TrustedPublisher) -> None:
        assert kept(history(by(ACME), by(publisher))) == ["2.0"]

    def test_the_same_repository_at_another_service_is_another(self) -> None:
        assert kept(history(by(ACME), by(TrustedPublisher("GitLab", "acme/foo")))) == ["1.0"]

    def test_a_first_publisher_passes(self) -> None:
        assert kept(history(UNSEEN, UNSEEN, by(EVIL))) == ["3.0"]

    def test_releases_that_were_not_read_are_passed_over(self) -> None:
        assert kept(history(by(ACME), UNSEEN, by(EVIL)), versions="all") == ["1.0", "2.0"]

    def test_a_refused_publisher_is_not_a_precedent(self) -> None:
        assert kept(history(by(ACME), by(EVIL), by(EVIL))) == ["1.0"]

    def test_an_exception_is_a_precedent_for_later_releases(self) -> None:
        files = history(by(ACME), by(EVIL), by(EVIL), by(ACME))
        assert kept(files, trust_exceptions=["foo==2.0"]) == ["3.0"]

    def test_releases_that_the_source_withdrew_still_count(self) -> None:
        first, second = history(by(ACME), by(EVIL))
        assert [one.keep for one in decide([second])] == [True]
        assert [one.keep for one in decide([second], withdrawn=(first,))] == [False]


class TestExceptions:
    @pytest.mark.parametrize("entry", ["foo", "f*", "re:^fo+$", "foo==2.0", "foo>1"])
    def test_named_releases_pass(self, entry: str) -> None:
        assert kept(history(UNSEEN, None), trust_exceptions=[entry]) == ["2.0"]

    @pytest.mark.parametrize("entry", ["bar", "foo==1.0", "foo<2"])
    def test_others_do_not(self, entry: str) -> None:
        assert kept(history(UNSEEN, None), trust_exceptions=[entry]) == ["1.0"]

    def test_only_releases_within_the_look_back_count(self) -> None:
        files = history(UNSEEN, None)
        assert kept(files, trust_lookback_days=STEP - 1) == ["2.0"]
        assert kept(files, trust_lookback_days=STEP) == ["1.0"]


class TestFailures:
    def test_an_object_that_cannot_be_read_is_refused_after_a_known_publisher(self) -> None:
        unread = Evidence(problem="answers HTTP 404")
        assert kept(history(by(ACME), unread)) == ["1.0"]
        assert refusals(history(by(ACME), unread)) == {"foo-2.0.tar.gz": Cause.UNREAD_PROVENANCE}
        assert kept(history(UNSEEN, unread)) == ["2.0"], "nothing is known to compare it with"

    def test_it_is_asked_again_soon(self) -> None:
        unread = Evidence(problem="answers HTTP 404")
        policy = policy_of()
        assert reconsider_at(decide(history(by(ACME), unread)), policy) is not None
        assert reconsider_at(decide(history(by(ACME), by(EVIL))), policy) is None


def test_forged_attestations_are_refused_whatever_came_before() -> None:
    forged = Evidence("d" * 64, (ACME,), Verdict.FORGED, "wrong signature")
    project = Project(NormalizedName("foo"), "Foo", files=tuple(history(None, forged)))
    policy = policy_of(trust_policy="off")
    verifying: Callable[[Policy], Policy] = _verifying
    (bad, _) = select(project, verifying(policy), NOW)
    assert (bad.keep, bad.cause, bad.detail) == (
        False,
        Cause.FORGED,
        "foo-2.0.tar.gz: wrong signature",
    )


def _verifying(policy: Policy) -> Policy:
    import msgspec

    trust = msgspec.structs.replace(policy.trust, verify=True)
    return msgspec.structs.replace(policy, trust=trust)


def test_refused_releases_are_not_candidates_of_a_closure() -> None:
    project = Project(NormalizedName("foo"), "Foo", files=tuple(history(by(ACME), None, by(EVIL))))
    candidates, rejected = split_candidates(project, policy_of(), NOW)
    assert [file.version for file in candidates] == ["1.0"]
    assert {one.file.version: one.cause for one in rejected} == {
        "2.0": Cause.WEAKER_PROVENANCE,
        "3.0": Cause.OTHER_PUBLISHER,
    }


def test_reports_name_refused_releases_above_the_kept_ones() -> None:
    found = decide([*history(UNSEEN, None), upload("3.0", 40), upload("2.5", 45, None)],
                   versions="all")  # fmt: skip
    texts = distrusted_releases([one for one in found if one.file.version != "1.0"])
    assert texts == []
    assert [text[:7] for text in distrusted_releases(found)] == ["foo 2.5", "foo 2.0"]


def test_long_histories_take_little_time() -> None:
    import time

    files = [upload(f"{n}.0", n % 300, UNSEEN if n % 2 else None) for n in range(4000)]
    started = time.process_time()
    decide(files)
    assert time.process_time() - started < 10


def test_each_of_several_sources_has_its_own_history() -> None:
    attested = [msgspec.structs.replace(one, source="pypi") for one in history(by(ACME), by(ACME))]
    builds = [msgspec.structs.replace(upload("2.0+cpu", 30, None), source="cpu")]
    assert kept([*attested, *builds], versions="all") == ["1.0", "2.0", "2.0+cpu"]
    token = msgspec.structs.replace(upload("3.0", 40, None), source="pypi")
    assert refusals([*attested, *builds, token]) == {token.filename: Cause.WEAKER_PROVENANCE}
