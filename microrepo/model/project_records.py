"""Records of an index: projects, files, advisories."""

from __future__ import annotations

from msgspec import Struct
from packaging.utils import NormalizedName

from microrepo.model.digests import Digests
from microrepo.model.provenance_records import Evidence


class File(Struct, frozen=True, omit_defaults=True, gc=False):
    """One distribution file in an index (PEP 691, PyPI JSON API).

    Attributes:
        filename: as listed; checked by `formats.distribution.filenames.unsafe_filename` before any
            use.
        url: absolute; where the content is.
        version: its release, as the index spells it.
        package_type: ``bdist_wheel``, ``sdist``, ``bdist_egg``, ... as PyPI names them.
        size: bytes, None if unknown.
        requires_python: specifier as listed, possibly malformed; None means any.
        upload_time: UTC, ``YYYY-MM-DDTHH:MM:SS.ffffffZ``, so that text order is time order.
        python_version: the uploader's label (``py3``, ``cp311``, ``source``, ``2.7``), a hint only.
        core_metadata: whether ``<url>.metadata`` exists (PEP 658).
        core_metadata_sha256: digest of that metadata, hex.
        seen_at: when it was first seen, normalised; only without an upload time, if that is asked for.
        provenance: absolute URL of the attestations (PEP 740).
        evidence: what these contain; None if they were not read.
        source: name of the source, in the record of a project that several sources share.
    """

    filename: str
    url: str
    version: str
    package_type: str
    digests: Digests = Digests()
    size: int | None = None
    requires_python: str | None = None
    upload_time: str | None = None
    python_version: str | None = None
    yanked: bool = False
    yanked_reason: str | None = None
    core_metadata: bool = False
    core_metadata_sha256: str | None = None
    provenance: str | None = None
    evidence: Evidence | None = None
    seen_at: str | None = None
    source: str = ""


class Vulnerability(Struct, frozen=True, omit_defaults=True, gc=False):
    """One advisory about a release; withdrawn ones are dropped."""

    id: str
    aliases: tuple[str, ...] = ()
    summary: str | None = None
    fixed_in: tuple[str, ...] = ()
    link: str | None = None
    severity: str | None = None


class Info(Struct, frozen=True, omit_defaults=True, gc=False):
    """Metadata of a project's newest release, for rules, reports and pages for people."""

    version: str | None = None
    summary: str | None = None
    author: str | None = None
    author_email: str | None = None
    maintainer: str | None = None
    maintainer_email: str | None = None
    license: str | None = None
    license_expression: str | None = None
    classifiers: tuple[str, ...] | None = None
    keywords: str | None = None
    home_page: str | None = None
    project_urls: dict[str, str] | None = None
    requires_python: str | None = None
    platform: str | None = None
    docs_url: str | None = None
    download_url: str | None = None
    description_content_type: str | None = None
    dynamic: tuple[str, ...] | None = None
    license_files: tuple[str, ...] | None = None
    provides_extra: tuple[str, ...] | None = None


# Increased when records store more facts; and the fields of `Info` by version.
FACTS = 1
# Records for which the source was asked for provenance have these, too.
PROVENANCE_FACTS = 2
FACTS_SINCE = dict.fromkeys(Info.__struct_fields__[-7:], 1)


class Project(Struct, frozen=True, omit_defaults=True, weakref=True):
    """Record of one project in an index, normalised.

    Attributes:
        name: normalised (PEP 503); the key everywhere.
        display_name: as its owner spells it.
        serial: the index's change number for the project, None without serials.
        status: PEP 792 status: ``active``, ``archived``, ``quarantined``, ``deprecated``.
        versions: every release the index lists, with or without files.
        rejected: unreadable entries of the response, with one line of explanation each.
        vulnerabilities: advisories for the release that `info` describes.
        advisories: those requested for other releases, by version.
        advised_at: time of the first of these requests.
        silent_on_python: the source does not list Requires-Python.
        silent_on_status: the status is neither in the response nor available by a request.
        silent_on_provenance: whether files are attested is not in the response.
        facts: version of the record's facts, see `FACTS`.
        withdrawn: attested files that the source no longer lists; with them, its history is known.
    """

    name: NormalizedName
    display_name: str
    serial: int | None = None
    status: str = "active"
    status_reason: str | None = None
    files: tuple[File, ...] = ()
    versions: tuple[str, ...] = ()
    info: Info = Info()
    vulnerabilities: tuple[Vulnerability, ...] = ()
    rejected: tuple[str, ...] = ()
    facts: int = 0
    advisories: dict[str, tuple[Vulnerability, ...]] = {}
    advised_at: str | None = None
    silent_on_python: bool = False
    silent_on_status: bool = False
    silent_on_provenance: bool = False
    withdrawn: tuple[File, ...] = ()
