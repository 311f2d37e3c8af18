"""Refresh of the kept advisories: requested conditionally, checked, and saved."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from microrepo.client import Client
from microrepo.client.addresses import public_url
from microrepo.config.schema import Config
from microrepo.errors import MalformedResponse, MicrorepoError, SourceError, Unavailable
from microrepo.formats.advisories.index_building import BuiltIndex, build_index
from microrepo.formats.advisories.known_advisories import KnownAdvisories
from microrepo.formats.advisories.osv_archive import OSV_ARCHIVE
from microrepo.formats.times import format_time, from_ns
from microrepo.operations.advisories.advisory_age import is_stale
from microrepo.operations.advisories.kept_advisories import (
    AdvisoryFiles,
    AdvisoryOrigin,
    known_from,
)
from microrepo.operations.records.report import Failure, ReportBuilder
from microrepo.repositories.sources.simple_index import conditional, expect_success, validator_of
from microrepo.repositories.sources.source_registry import is_web_url, without_credentials
from microrepo.standalone.server.labels import counted
from microrepo.stores.disk_errors import disk_words
from microrepo.stores.plain_files import read_plain_file

_WHAT = "advisories"
_PLACES = "put user and password into netrc, or into the URL of `advisories`"


class FetchedAdvisories(Struct, frozen=True):
    """An answer of the source.

    Attributes:
        origin: what is recorded about it.
        body: the archive; None if it has not changed.
    """

    origin: AdvisoryOrigin
    body: bytes | None


class AdvisoryRefresh:
    """Brings the advisories of one repository up to date.

    Args:
        client: makes a client for requests of this process.
        credulous: accept an archive that is older or far smaller than the kept one.
    """

    def __init__(
        self,
        config: Config,
        report: ReportBuilder,
        client: Callable[[], Client],
        *,
        credulous: bool = False,
    ) -> None:
        self._config = config
        self._report = report
        self._client = client
        self._credulous = credulous
        self._files = AdvisoryFiles(Path(config.repository))
        self._ignored = tuple(config.ignore_advisories)

    def run(self) -> KnownAdvisories:
        """Return the advisories, renewed if the source answers; in a dry run nothing is saved.

        Without an answer the kept ones count. Once they are stale, that is a failure of the run.

        Raises:
            SourceError: the source does not answer, and none are kept.
            RepositoryError: the files cannot be read or written.
        """
        kept = self._kept()
        try:
            fetched = self._fetch()
            if fetched.body is None and kept is not None:
                self._confirm(fetched.origin)
                return kept
            return self._renewed(fetched, kept)
        except SourceError as error:
            if kept is None:
                raise
            self._report_failure(error)
            return kept

    def _kept(self) -> KnownAdvisories | None:
        try:
            return self._files.known(self._ignored, mends=not self._report.dry_run)
        except MalformedResponse as error:
            self._report.warn(f"the kept advisories are damaged, so all are requested: {error}")
            return None

    def _fetch(self) -> FetchedAdvisories:
        sha256 = self._files.sha256()
        origin = self._files.origin()
        if origin is not None and origin.sha256 != sha256:
            origin = None  # somebody replaced the archive
        if is_web_url(self._config.advisories):
            return self._fetch_url(origin)
        return read_advisory_file(self._config.advisories, origin)

    def _fetch_url(self, known: AdvisoryOrigin | None) -> FetchedAdvisories:
        url = without_credentials(self._config.advisories)
        same = known if known is not None and known.url == url else None
        client = self._client()
        try:
            headers = conditional(same.validator if same else None)
            answer = client.get(url, headers, OSV_ARCHIVE)
        finally:
            client.close()
        if answer.status == 304 and same is not None:
            # Without a time, the answer says that nothing changed, not that the source is alive.
            as_of = self._time(answer.headers.get("Last-Modified"), same.as_of)
            return FetchedAdvisories(_at(same, as_of), None)
        expect_success(answer, public_url(url), _PLACES)
        sha256 = hashlib.sha256(answer.body).hexdigest()
        as_of = self._time(answer.headers.get("Last-Modified"), self._report.started_at)
        origin = AdvisoryOrigin(url, sha256, as_of, validator_of(answer))
        is_same = known is not None and known.sha256 == sha256
        return FetchedAdvisories(origin, None if is_same else answer.body)

    def _time(self, last_modified: str | None, otherwise: str) -> str:
        """Return the time of the archive at its source: a copy that nobody renews grows old.

        Args:
            otherwise: its time if the source states none.
        """
        now = self._report.started_at
        try:
            return min(format_time(parsedate_to_datetime(last_modified or "")), now)
        except (TypeError, ValueError, OverflowError):
            return otherwise

    def _renewed(self, fetched: FetchedAdvisories, kept: KnownAdvisories | None) -> KnownAdvisories:
        body = fetched.body
        if body is None:
            raise Unavailable(
                fetched.origin.url, "answers that nothing changed, but nothing is kept"
            )
        source, now = fetched.origin, self._report.started_at
        built = build_index(io.BytesIO(body), source.url, source.sha256, now)
        found = known_from(built.content, self._ignored)
        doubt = "" if kept is None or self._credulous else _doubt(found, kept)
        if doubt:
            raise MalformedResponse(fetched.origin.url, f"{doubt}; `--force-check` accepts it")
        if doubt := unreadable_words(built):
            self._report.warn(doubt)
        if not self._report.dry_run:
            self._files.save(body, built.content, fetched.origin)
        return found

    def _confirm(self, origin: AdvisoryOrigin) -> None:
        if not self._report.dry_run and origin != self._files.origin():
            self._files.confirm(origin)

    def _report_failure(self, error: MicrorepoError) -> None:
        as_of = self._files.as_of()
        if is_stale(as_of, self._report.started_at, self._config):
            self._report.failed.append(
                Failure(_WHAT, f"could not be renewed and are of {(as_of or '')[:10]}: {error}")
            )
        else:
            self._report.warn(f"{_WHAT} could not be renewed, the kept ones count: {error}")


def unreadable_words(built: BuiltIndex) -> str:
    """Return a warning about records of an archive that are left out, "" if none are."""
    if not built.unreadable:
        return ""
    first = built.unreadable[0]
    return (
        f"{_WHAT}: {counted(len(built.unreadable), 'record')} cannot be used (first: "
        f"{first.member}: {first.why})"
    )


def _doubt(found: KnownAdvisories, kept: KnownAdvisories) -> str:
    """Return why an archive is less likely to be new than to be an old copy, or a part."""
    if 2 * found.records < kept.records:
        return f"has {found.records:,} advisories, the kept archive {kept.records:,}"
    if found.modified < kept.modified:
        return (
            f"is older than the kept archive (its newest change is of {found.modified[:19]}, that "
            f"of the kept one of {kept.modified[:19]})"
        )
    return ""


def _at(origin: AdvisoryOrigin, as_of: str) -> AdvisoryOrigin:
    return AdvisoryOrigin(origin.url, origin.sha256, max(as_of, origin.as_of), origin.validator)


def read_advisory_file(text: str, known: AdvisoryOrigin | None) -> FetchedAdvisories:
    """Return the archive in a file, whose time is that of the file.

    Raises:
        Unavailable: it cannot be read, or is too large.
    """
    path = Path(unquote(urlsplit(text).path)) if text.startswith("file:") else Path(text)
    try:
        status = path.stat()
        if status.st_size > OSV_ARCHIVE.size_bytes:
            raise Unavailable(str(path), f"is larger than {OSV_ARCHIVE.size_bytes >> 20} MB")
        body = read_plain_file(path)
    except OSError as error:
        raise Unavailable(str(path), f"cannot be read: {disk_words(error)}") from error
    sha256 = hashlib.sha256(body).hexdigest()
    origin = AdvisoryOrigin(str(path), sha256, from_ns(status.st_mtime_ns))
    is_same = known is not None and known.sha256 == sha256
    return FetchedAdvisories(origin, None if is_same else body)
