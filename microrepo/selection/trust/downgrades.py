"""Gate against releases that were not published as their predecessors were.

No cryptography: what counts is what the index says about each upload. Files are judged in the order
of their uploads, each against the accepted files before it. A refused file is not a precedent, so
a second bad release is refused like the first.

- A file of a release is compared with the earlier files of its kind (wheel or sdist); where an earlier
  release has none of that kind, with all of it. Of an earlier release, the weakest of these counts.
- A publisher is compared with that of the latest earlier release whose publisher is known.
- Without earlier evidence everything passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from microrepo.formats.times import shift
from microrepo.formats.version_numbers import version_order
from microrepo.model import Cause, File, Project, TrustedPublisher, Verdict
from microrepo.selection.trust.evidence_levels import (
    LEVEL_TEXTS,
    Level,
    known_level,
    possible_level,
)

Refusal = tuple[Cause, str]
_SDIST = "sdist"


class TrustRules(Struct, frozen=True, omit_defaults=True):
    """Rules on the provenance of files.

    Attributes:
        no_downgrade: refuse weaker evidence and other publishers than before.
        lookback_days: only files uploaded this long before the judged one count; None for all.
        verify: signatures are verified, and forged ones refused.
        keep: provenance objects are kept. It selects nothing, but when it is turned on, every
            project must be checked.
        root: digest of the trusted root that verifies; when it changes, every project is checked.
    """

    no_downgrade: bool = False
    lookback_days: float | None = None
    verify: bool = False
    keep: bool = False
    root: str = ""

    def __bool__(self) -> bool:
        return self.no_downgrade or self.verify or self.keep


class _Precedent(Struct):
    """The accepted files of one release so far.

    Attributes:
        since: time of the first upload, None if it is unknown.
        levels: the weakest level by kind of file.
        publishers: the publishers that are known.
    """

    version: str
    since: str | None
    levels: dict[bool, Level]
    publishers: tuple[TrustedPublisher, ...] = ()

    def level_for(self, file: File) -> Level:
        """Return the level that a file is compared with."""
        same = self.levels.get(file.package_type == _SDIST)
        return min(self.levels.values()) if same is None else same

    def add(self, file: File) -> None:
        """Count one more file."""
        kind, level = file.package_type == _SDIST, known_level(file)
        self.levels[kind] = min(self.levels.get(kind, level), level)
        if file.evidence is not None:
            new = [one for one in file.evidence.publishers if one not in self.publishers]
            self.publishers = (*self.publishers, *new)


class _History:
    """The accepted releases of a project, in the order of their first uploads."""

    def __init__(self, name: str, lookback_days: float | None) -> None:
        self._name = name
        self._lookback_days = lookback_days
        self._releases: dict[str, _Precedent] = {}
        self._attested: dict[str, _Precedent] = {}

    def accept(self, file: File) -> None:
        """Make a file a precedent."""
        release = self._releases.get(file.version)
        if release is None:
            release = _Precedent(file.version, file.upload_time, {})
            self._releases[file.version] = release
        release.add(file)
        if known_level(file) is not Level.NONE:
            self._attested[file.version] = release

    def refusal(self, file: File) -> Refusal | None:
        """Return why a file is weaker than its predecessors, None if it is not."""
        if not self._attested:
            return None
        oldest = self._oldest(file)
        earlier = [
            one
            for one in reversed(self._attested.values())
            if one.version != file.version
            and (oldest is None or one.since is None or one.since >= oldest)
        ]
        return self._weaker(file, earlier) or self._other_publisher(file, earlier)

    def _oldest(self, file: File) -> str | None:
        if self._lookback_days is None or file.upload_time is None:
            return None
        return shift(file.upload_time, -self._lookback_days)

    def _weaker(self, file: File, earlier: Iterable[_Precedent]) -> Refusal | None:
        level = possible_level(file)
        if level is Level.TRUSTED_PUBLISHER:
            return None
        for one in earlier:
            before = one.level_for(file)
            if before <= level:
                continue
            problem = file.evidence.problem if file.evidence is not None else ""
            if problem:
                return Cause.UNREAD_PROVENANCE, problem
            whose = _publishers(one.publishers)
            text = LEVEL_TEXTS[before] + (f", {whose}" if whose else "")
            return Cause.WEAKER_PROVENANCE, (
                f"{self._name} {file.version}{_on(file.upload_time)} {LEVEL_TEXTS[level]}, but the "
                f"earlier {self._name} {one.version}{_on(one.since)} {text}"
            )
        return None

    def _other_publisher(self, file: File, earlier: Iterable[_Precedent]) -> Refusal | None:
        publishers = file.evidence.publishers if file.evidence is not None else ()
        if not publishers:
            return None
        last = next((one for one in earlier if one.publishers), None)
        if last is None or any(one.is_same(two) for one in publishers for two in last.publishers):
            return None
        return Cause.OTHER_PUBLISHER, (
            f"{self._name} {file.version}{_on(file.upload_time)} was published by "
            f"{_publishers(publishers)}, but the earlier {self._name} {last.version}"
            f"{_on(last.since)} by {_publishers(last.publishers)}"
        )


def distrusted(
    project: Project, rules: TrustRules, is_exempt: Callable[[str], bool]
) -> dict[str, Refusal]:
    """Return why files of a project are refused for their provenance, by file name.

    Args:
        is_exempt: whether the release of a version is accepted whatever its provenance says; it
            becomes the precedent for later ones.
    """
    if not (rules.no_downgrade or rules.verify) or not any(
        file.provenance for file in (*project.files, *project.withdrawn)
    ):
        return {}
    refused: dict[str, Refusal] = {}
    history = _History(project.name, rules.lookback_days)
    withdrawn = {(one.filename, one.digests) for one in project.withdrawn}
    for file in _by_upload((*project.files, *project.withdrawn)):
        refusal = _forgery(file) if rules.verify else None
        if refusal is None and rules.no_downgrade and not is_exempt(file.version):
            refusal = history.refusal(file)
        if refusal is None:
            history.accept(file)
        elif (file.filename, file.digests) not in withdrawn:
            refused[file.filename] = refusal
    return refused


def _forgery(file: File) -> Refusal | None:
    evidence = file.evidence
    if evidence is None or evidence.verdict is not Verdict.FORGED:
        return None
    return Cause.FORGED, f"{file.filename}: {evidence.detail}"


def _by_upload(files: Iterable[File]) -> list[File]:
    """Return files in the order of their uploads; by version if any time is unknown."""
    ordered = sorted(files, key=lambda file: version_order(file.version))
    if any(file.upload_time is None for file in ordered):
        return ordered
    return sorted(ordered, key=lambda file: file.upload_time or "")


def _on(time: str | None) -> str:
    return f" ({time[:10]})" if time else ""


def _publishers(publishers: Iterable[TrustedPublisher]) -> str:
    return " and ".join(map(str, publishers))
