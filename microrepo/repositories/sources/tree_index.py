"""Source for an index tree in a directory (``simple/``, pip2pi, dumb-pypi), by its pages."""

from __future__ import annotations

from pathlib import Path

from packaging.utils import canonicalize_name

from microrepo.errors import ProjectNotFound, Unavailable
from microrepo.formats.bounds import DOCUMENT, PROJECT_LIST, Bound, OutOfBounds
from microrepo.formats.distribution.filenames import package_type_of
from microrepo.formats.index.simple_api import Root, parse_project, parse_root
from microrepo.repositories.protocol import Fetched, SourceSettings

_PAGE = "index.html"
_HTML = "text/html"


def is_index_tree(path: Path) -> bool:
    """Return whether a directory contains index pages, and no distributions beside them."""
    try:
        entries = list(path.iterdir())
        if any(package_type_of(entry.name) and entry.is_file() for entry in entries):
            return False
        return any(entry.is_dir() and (entry / _PAGE).is_file() for entry in entries)
    except OSError:
        return False


class TreeIndex:
    """Reads the pages of a tree; links lead to local files or to the web.

    Args:
        bound: what the page of one project may cost.
    """

    def __init__(self, settings: SourceSettings, bound: Bound = DOCUMENT) -> None:
        self._bound = bound
        self._path = Path(settings.simple_root).resolve()
        self._name = settings.name

    def list_projects(self, validator: str | None = None) -> Root:  # noqa: ARG002
        """Return the projects on the root page or, without one, those with a page."""
        if (self._path / _PAGE).is_file():
            root = parse_root(self._read(self._path, PROJECT_LIST), _HTML, self._url(self._path))
            if root.projects:
                return root
        return Root(dict.fromkeys(path.name for path in self._folders()))

    def fetch_project(
        self,
        name: str,
        etag: str | None = None,  # noqa: ARG002
        min_serial: int | None = None,  # noqa: ARG002
        known_serial: int | None = None,  # noqa: ARG002
    ) -> Fetched:
        """Return a project's record from its page."""
        normalized = canonicalize_name(name)
        folder = self._path / normalized
        if not (folder / _PAGE).is_file():
            # Directory names of old tree generators.
            named = (path for path in self._folders() if canonicalize_name(path.name) == normalized)
            found = next(named, None)
            if found is None:
                raise ProjectNotFound(normalized, self._name)
            folder = found
        body = self._read(folder, self._bound)
        page = parse_project(body, _HTML, self._url(folder), name, bound=self._bound)
        return Fetched(page)

    def _folders(self) -> list[Path]:
        try:
            return sorted(path for path in self._path.iterdir() if (path / _PAGE).is_file())
        except OSError as error:
            raise Unavailable(self._name, f"cannot be read: {error.strerror}") from error

    def _read(self, folder: Path, bound: Bound) -> bytes:
        path = folder / _PAGE
        try:
            with path.open("rb") as stream:
                body = stream.read(bound.size_bytes + 1)
        except OSError as error:
            raise Unavailable(str(path), f"cannot be read: {error.strerror}") from error
        if len(body) > bound.size_bytes:
            raise OutOfBounds(str(path), f"is too large for an index page{bound.hint}")
        return body

    @staticmethod
    def _url(folder: Path) -> str:
        return folder.as_uri() + "/"
