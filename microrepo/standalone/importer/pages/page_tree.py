"""Page trees of a repository, `simple/` and `pypi/`: built aside from a manifest, then exchanged.

The pages are those that microrepo writes. Files that nobody imported stay on the pages that listed
them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote

from microrepo.standalone.importer.intake.content_survey import ContentSurvey, file_status
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject
from microrepo.standalone.importer.pages.project_documents import render_project_document
from microrepo.standalone.importer.pages.tree_files import TreeFiles
from microrepo.standalone.server.index_pages import (
    LINKS_PAGE_LIMIT,
    parse_project_json,
    parse_root_json,
    render_links_html,
    render_project_html,
    render_project_json,
    render_root_html,
    render_root_json,
)
from microrepo.standalone.server.names import PROVENANCE_SUFFIX, is_project_name, normalize_name
from microrepo.standalone.server.records import FileEntry, ProjectPage, RootPage, sort_files

_PAGE_FORMS = ("index.html", "index.v1_html", "index.v1_json")
_ANCHOR, _ANCHOR_FROM_ROOT = b'<a href="../../', b'<a href="../'


class ListedFiles(NamedTuple):
    """What a manifest lists of one project."""

    project: ManifestProject
    files: tuple[ManifestFile, ...]


class PageTree:
    """The page trees of one repository.

    Args:
        survey: knows the files of the repository.
        folder: where they are built.

    Attributes:
        files: the trees.
    """

    def __init__(self, survey: ContentSurvey, folder: str) -> None:
        self._survey = survey
        self.files = TreeFiles(survey.repository, folder)
        self._root = RootPage(())
        self._rows: dict[str, tuple[str, int | None]] = {}
        self._newest = 0
        self._base = ""

    def prepare(self) -> None:
        """Begin with the pages that readers see now."""
        self.files.prepare()
        with contextlib.suppress(OSError, ValueError):
            self._root = parse_root_json(self.files.content("simple", "index.v1_json"))
        for shown, serial in self._root.projects:
            name = normalize_name(shown)
            if is_project_name(name) and self.files.exists("simple", name, "index.v1_json"):
                self._rows[name] = (shown, serial)
        serials = [serial or 0 for _, serial in self._rows.values()]
        self._newest = max([self._root.serial or 0, *serials])
        here = (
            entry for name in sorted(self._rows) for entry in self._private(self._present(name))
        )
        self._base = link_base(next(here, None))

    def lacking(self, names: Iterable[str]) -> set[str]:
        """Return the projects that have no pages."""
        return {name for name in names if not self.files.exists("simple", name, "index.v1_json")}

    def write(self, names: Collection[str], listed: Iterable[ListedFiles], old: set[str]) -> None:
        """Write the pages of some projects.

        Args:
            names: the projects.
            listed: what the manifest lists of them; others have lost their files.
            old: files that earlier imports have put in place; only the manifest can list them.
        """
        rest = set(names)
        for one in listed:
            if one.project.project in rest:
                rest.remove(one.project.project)
                self._write_project(one.project, one.files, old)
        for name in sorted(rest):
            shown = self._rows.get(name, (name, None))[0]
            spelled = shown if normalize_name(shown) == name else name
            self._write_project(ManifestProject(name, spelled), (), old)

    def finish(self) -> None:
        """Write the pages of all projects."""
        ended = [name for name, (shown, _) in self._rows.items() if not shown]
        if ended:
            self._newest += 1
        rows = tuple(self._rows[name] for name in sorted(self._rows) if name not in ended)
        root = RootPage(rows, self._newest)
        json, html = render_root_json(root), render_root_html(root)
        self.files.put(json, "simple", "index.v1_json")
        for form in ("index.html", "index.v1_html"):
            self.files.put(html, "simple", form)
        names = [name for name in sorted(self._rows) if name not in ended]
        links = self._links(names)
        if links is not None:
            self.files.put(links, "simple", "links.html")
        else:
            self.files.remove("simple", "links.html")
        for name in ended:
            for form in _PAGE_FORMS:
                self.files.remove("simple", name, form)
            self.files.remove("pypi", name, "json")

    def _write_project(
        self, project: ManifestProject, files: Iterable[ManifestFile], old: set[str]
    ) -> None:
        name = project.project
        page = self._present(name)
        entries = [_entry_of(file, self._survey, self._base) for file in files]
        names = {entry.filename for entry in entries} | old
        entries += [entry for entry in self._private(page) if entry.filename not in names]
        if not entries:
            if page is not None or name in self._rows:
                self._rows[name] = ("", None)
            return
        status, reason = project.status, project.status_reason
        if page is not None and not any(True for _ in files):
            status, reason = page.status, page.status_reason
        made = ProjectPage(name, tuple(sort_files(entries)), (), status, reason)
        made = made._replace(serial=self._serial_for(made, project, page))
        self._newest = max(self._newest, made.serial or 0)
        self._rows[name] = (project.display_name, made.serial)
        html = render_project_html(made)
        for form in _PAGE_FORMS:
            content = render_project_json(made) if form.endswith("json") else html
            self.files.put(content, "simple", name, form)
        self.files.put(render_project_document(made, project.display_name), "pypi", name, "json")

    def _serial_for(
        self, made: ProjectPage, project: ManifestProject, page: ProjectPage | None
    ) -> int:
        """Return a serial that grows with each change of the page."""
        if page is None or page.serial is None:
            return project.serial or self._newest + 1
        same = made._replace(serial=page.serial)
        document = render_project_document(same, project.display_name)
        is_same = (
            self.files.content("simple", made.name, "index.v1_json") == render_project_json(same)
            and self.files.content("pypi", made.name, "json") == document
        )
        return page.serial if is_same else max(project.serial or 0, page.serial + 1)

    def _private(self, page: ProjectPage | None) -> Iterator[FileEntry]:
        """Yield the files of a page that are still in the directory."""
        for entry in page.files if page is not None else ():
            status = file_status(self._survey.path(entry.filename))
            if status is not None and entry.size in {None, status.st_size}:
                yield entry

    def _present(self, name: str) -> ProjectPage | None:
        with contextlib.suppress(OSError, ValueError):
            return parse_project_json(self.files.content("simple", name, "index.v1_json"))
        return None

    def _links(self, names: Iterable[str]) -> bytes | None:
        """Return the page of all links, None if there are too many."""
        page = render_links_html(())
        place = page.rindex(b"</body>")
        parts, count = [page[:place]], 0
        for name in names:
            content = self.files.content("simple", name, "index.html")
            begin, end = content.find(b"</h1>\n"), content.rfind(b"</body>")
            share = content[begin + 6 : end].replace(_ANCHOR, _ANCHOR_FROM_ROOT)
            count += share.count(b"<a href=")
            if count > LINKS_PAGE_LIMIT:
                return None
            parts.append(share)
        return b"".join([*parts, page[place:]])


def link_base(entry: FileEntry | None) -> str:
    """Return the URL below which a page links to a file in the directory; "" beside the pages.

    The setting `files_url` of a repository is not in a bundle, whose settings are those of another.
    """
    ending = "" if entry is None else quote(entry.filename, safe="")
    if entry is None or not entry.url.startswith(("https://", "http://")):
        return ""
    return entry.url[: -len(ending)] if entry.url.endswith(f"/{ending}") else ""


def listed_files(
    entries: Iterable[ManifestProject | ManifestFile], names: Collection[str]
) -> Iterator[ListedFiles]:
    """Yield what a manifest lists of some projects."""
    project: ManifestProject | None = None
    files: list[ManifestFile] = []
    for entry in entries:
        if isinstance(entry, ManifestFile):
            files.append(entry)
            continue
        if project is not None and files and project.project in names:
            yield ListedFiles(project, tuple(files))
        project, files = entry, []
    if project is not None and files and project.project in names:
        yield ListedFiles(project, tuple(files))


def _entry_of(file: ManifestFile, survey: ContentSurvey, base: str) -> FileEntry:
    """Return a file in place, with what is beside it."""
    name = file.filename
    metadata = survey.sidecar_digest(name) if name.endswith(".whl") else ""
    entry = page_entry(file, metadata, base)
    if not survey.is_attested(name):
        return entry
    return entry._replace(provenance=(entry.url or name) + PROVENANCE_SUFFIX)


def page_entry(file: ManifestFile, metadata_sha256: str, base: str = "") -> FileEntry:
    """Return a file in the form that pages list.

    Args:
        metadata_sha256: digest of its sidecar, "" without one.
        base: URL of the files; "" for files beside the pages.
    """
    return FileEntry(
        filename=file.filename,
        url=base + quote(file.filename, safe="") if base else "",
        hashes={"sha256": file.sha256},
        size=file.size_bytes,
        upload_time=file.upload_time,
        requires_python=file.requires_python,
        yanked=file.yanked if file.yanked != "" else True,
        core_metadata={"sha256": metadata_sha256} if metadata_sha256 else False,
        version=file.version,
    )
