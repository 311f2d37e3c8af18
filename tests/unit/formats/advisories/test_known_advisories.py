"""What is known about a project: advisories for a release, each flaw once."""

from __future__ import annotations

from microrepo.formats.advisories.known_advisories import reports_malware
from tests.support.advisories import known_advisories as known
from tests.support.advisories import osv_record


def test_one_flaw_under_two_ids() -> None:
    found = known(
        osv_record(
            "GHSA-1", "foo", fixed="1.2", aliases=["CVE-1"], database_specific={"severity": "HIGH"}
        ),
        osv_record("PYSEC-1", "foo", fixed="1.1", aliases=["CVE-1"], summary=""),
        osv_record("GHSA-2", "foo", fixed="1.2"),
    )
    first, second = found.affecting("foo", "1.0")
    assert (second.id, first.id) == ("PYSEC-1", "GHSA-2")
    assert second.aliases == ("CVE-1", "GHSA-1")
    assert second.fixed_in == ("1.1", "1.2")
    assert second.severity == "HIGH"
    assert [one.id for one in found.affecting("foo", "1.1")] == ["GHSA-1", "GHSA-2"]
    assert found.affecting("foo", "1.2") == ()
    assert found.affecting("other", "1.0") == ()


def test_ids_that_lead_to_each_other_in_a_chain_are_one() -> None:
    found = known(
        osv_record("GHSA-1", "foo", aliases=["CVE-1"]),
        osv_record("GHSA-2", "foo", aliases=["CVE-2"]),
        osv_record("GHSA-3", "foo", aliases=["CVE-1", "CVE-2"]),
    )
    (one,) = found.affecting("foo", "1")
    assert (one.id, one.aliases) == ("GHSA-1", ("CVE-1", "CVE-2", "GHSA-2", "GHSA-3"))


def test_malware_without_versions_affects_all() -> None:
    found = known(
        osv_record("MAL-1", "foo", introduced=""), osv_record("GHSA-1", "foo", introduced="")
    )
    (one,) = found.affecting("foo", "1")
    assert one.id == "MAL-1"
    assert reports_malware(one)


def test_malware_comes_first() -> None:
    found = known(osv_record("PYSEC-1", "foo"), osv_record("MAL-1", "foo"))
    assert [one.id for one in found.affecting("foo", "1")] == ["MAL-1", "PYSEC-1"]
    assert list(found.names_with_malware()) == ["foo"]


def test_ignored_ones_do_not_count_under_any_of_their_names() -> None:
    records = osv_record("PYSEC-1", "foo", aliases=["CVE-1"]), osv_record("PYSEC-2", "foo")
    assert [one.id for one in known(*records, ignored=("CVE-1",)).affecting("foo", "1")] == [
        "PYSEC-2"
    ]


def test_the_same_flaw_is_ignored_under_an_id_that_does_not_name_the_other() -> None:
    first, second = (osv_record(name, "foo", aliases=["CVE-1"]) for name in ("PYSEC-1", "GHSA-1"))
    assert known(first, second, ignored=("PYSEC-1",)).affecting("foo", "1") == ()


def test_odd_values_are_not_used() -> None:
    odd = osv_record(
        "GHSA-1", "foo", aliases=[None, 5], references=[5, {"url": 5}, {"url": "https://a.example"}],
        database_specific=[], summary=None, details="two\nlines",
    )  # fmt: skip
    (one,) = known(odd).affecting("foo", "1")
    assert (one.aliases, one.link, one.severity, one.summary) == (
        (),
        "https://a.example",
        None,
        "two lines",
    )
