"""Template: a release at the destination that another release reuses content from.

In a directory, a wheel of the template with the same tags provides the compressed members that both
have, and identical files are linked. An index accepts only whole files, so there the template only
has to exist.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from packaging.utils import canonicalize_name

from microrepo.errors import FailedCommand, Unavailable
from microrepo.formats.distribution.filenames import parse_wheel_name, split_release
from microrepo.formats.version_numbers import same_version
from microrepo.model import File
from microrepo.operations.copy.channel import Channel
from microrepo.plan import same_content
from microrepo.stores.hashing import hash_file
from microrepo.transfer.pool.worker import run_task
from microrepo.transfer.tasks import HeldOutcome, ListHeld


class Template:
    """The files of a template release in a directory; none for an index.

    Args:
        paths: paths of its files.
    """

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._paths = tuple(paths)
        self._by_tags = {_tags(path.name): path for path in self._paths}

    def wheel_like(self, filename: str) -> Path | None:
        """Return the template's wheel with the same tags, None without a match."""
        tags = _tags(filename)
        return None if tags is None else self._by_tags.get(tags)

    def same_as(self, file: File) -> Path | None:
        """Return a file with identical content under another name."""
        if file.digests.strongest() is None:
            return None
        for path in self._paths:
            other = path.name != file.filename and path.stat().st_size == file.size
            if other and same_content(file.digests, hash_file(path)):
                return path
        return None


def find_template(channel: Channel, name: str, version: str) -> Template:
    """Return the template release at the destination of a channel.

    Raises:
        FailedCommand: the destination does not have the release.
        SourceError: the destination's page cannot be read.
    """
    project = canonicalize_name(name)
    if channel.endpoints.destination.kind == "directory":
        names: Iterable[str] = channel.directory.scan()
    else:
        outcome = channel.pool().submit(run_task, ListHeld(project)).result()
        assert isinstance(outcome, HeldOutcome)  # noqa: S101 - that is what was asked for
        if outcome.error:
            raise Unavailable(project, f"the destination's page: {outcome.error}")
        names = [file.filename for file in outcome.files]
    found = [one for one in sorted(names) if _is_of(one, project, version)]
    if not found:
        where = channel.endpoints.destination.name
        raise FailedCommand(f"no {name} {version} at {where} to use as a template")
    if channel.endpoints.destination.kind != "directory":
        return Template()
    return Template(channel.directory.file(one) for one in found)


def _is_of(filename: str, project: str, version: str) -> bool:
    release = split_release(filename)
    return (
        release is not None
        and canonicalize_name(release[0]) == project
        and same_version(release[1], version)
    )


def _tags(filename: str) -> tuple[object, ...] | None:
    wheel = parse_wheel_name(filename)
    if wheel is None:
        return None
    return wheel.pythons, wheel.abis, wheel.platforms
