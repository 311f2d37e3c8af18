"""Dependencies of goals and releases, as the solver's requirements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.formats.requirements.direct_urls import is_followed
from microrepo.formats.requirements.requirement import Requirement
from microrepo.selection.resolver.candidates import View
from microrepo.selection.resolver.facts import MetadataNeed
from microrepo.selection.resolver.goal_records import Goal, Installer
from microrepo.selection.resolver.nodes import Choice, Req
from microrepo.selection.resolver.release_matches import is_unknown
from microrepo.selection.resolver.releases import Release


class Dependencies:
    """Requirements of goals and releases in one environment.

    Unknown metadata requires nothing.

    Attributes:
        touched_metadata: needed metadata that is unknown.
    """

    def __init__(self, view: View, *, allow_urls: bool) -> None:
        self.touched_metadata: set[MetadataNeed] = set()
        self._view = view
        self._allow_urls = allow_urls
        self._stated_by = cast(
            "dict[tuple[Release, tuple[str, ...]], tuple[Req, ...]]", view.solver_memory[allow_urls]
        )

    def roots(self, goal: Goal) -> tuple[Req, ...]:
        """Return the requirements of a goal in this environment."""
        return tuple(
            req
            for want in goal.requirements
            if self._view.applies(want)
            for req in self._nodes(self._view.directed(want))
        )

    def _nodes(self, want: Requirement) -> Iterator[Req]:
        if want.url and (not self._allow_urls or not is_followed(want.url)):
            why = f"{want.label} is a direct URL"
            yield Req(want.project, text=want.label, url=want.url, impossible=why)
            return
        # In pip, a bare ``name[extra]`` is a requirement on the extra, which then pins its release.
        if want.specifiers or not (want.extras and self._view.admission.installer is Installer.PIP):
            yield Req(want.project, (), want.specifiers, want.label, url=want.url)
        if want.extras:
            yield Req(want.project, want.extras, want.specifiers, want.label, url=want.url)

    def of(self, candidate: Choice) -> tuple[Req, ...]:
        """Return the requirements of a choice; an extras node also requires its release."""
        key = (candidate.release, candidate.extras)
        found = self._stated_by.get(key)
        if found is None:
            found = tuple(self._dependencies(candidate))
            release = candidate.release
            if not is_unknown(release) and not self._lacks_metadata(release):
                self._stated_by[key] = found
        return found

    def _lacks_metadata(self, release: Release) -> bool:
        return isinstance(self._view.metadata(release), MetadataNeed)

    def _dependencies(self, candidate: Choice) -> Iterator[Req]:
        release = candidate.release
        if candidate.extras:
            yield Req(release.project, (), f"=={release.text}", release.key, exact=release)
        if is_unknown(release):
            return
        metadata = self._view.metadata(release)
        if isinstance(metadata, MetadataNeed):
            self.touched_metadata.add(metadata)
        elif metadata is None:
            yield Req(release.project, impossible=self._unreadable(release))
        else:
            yield from self._stated(candidate, metadata)

    def _unreadable(self, release: Release) -> str:
        """Return why the metadata of a release cannot be read."""
        read = self._view.read_first(release)
        known = (self._view.facts.metadata.get(file.filename) for file in read)
        cause = next((why for why in known if isinstance(why, str)), "")
        text = f"{release.key} has no readable metadata"
        return f"{text}: {cause}" if cause else text

    def _stated(self, candidate: Choice, metadata: CoreMetadata) -> Iterator[Req]:
        release = candidate.release
        if not self._view.admits(metadata.requires_python):
            why = f"{release.key} requires Python {metadata.requires_python}"
            yield Req(release.project, impossible=why)
            return
        for extra in candidate.extras or ("",):
            for want in self._view.dependencies(release, metadata, extra):
                yield from self._nodes(want)
