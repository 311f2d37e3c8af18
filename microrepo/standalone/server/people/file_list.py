"""File list: the files of a release with badges, sizes and digests, for people."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from microrepo.standalone.server.index_pages import file_url
from microrepo.standalone.server.labels import (
    counted,
    escape,
    format_bytes,
    platform_labels,
    python_labels,
)
from microrepo.standalone.server.names import parse_filename
from microrepo.standalone.server.people.layout import badges, bullet_list, card_section
from microrepo.standalone.server.people.views import ProjectView, Site
from microrepo.standalone.server.records import FileEntry
from microrepo.standalone.server.versions import version_key

FILES_SHOWN = 12


def upload_date(entry: FileEntry) -> str:
    """Return the day of a file's upload."""
    return escape(entry.upload_time[:10])


def safe_url(url: str) -> str:
    """Return a link of metadata, empty unless it leads to the web: it must not become script."""
    try:
        return url if urlsplit(url).scheme in {"", "http", "https"} else ""
    except ValueError:
        return ""


def _render_file(entry: FileEntry, site: Site) -> str:
    parsed = parse_filename(entry.filename)
    shown = badges(python_labels(parsed), "py") + badges(platform_labels(parsed)) if parsed else ""
    if parsed and parsed.kind in {"sdist", "variants"}:
        shown = badges(["source" if parsed.kind == "sdist" else "variant labels"])
    if parsed and parsed.variant:
        shown += badges([f"variant {parsed.variant}"])
    if entry.yanked is not False:
        shown += badges(["yanked"], "bad")
    address = safe_url(file_url(entry, "../../"))
    url = escape(site.files + address if address.startswith("../") else address)
    size = "" if entry.size is None else format_bytes(entry.size)
    metadata = f'<a href="{url}.metadata">metadata</a>' if entry.core_metadata else ""
    digests = "".join(
        f"<code>{escape(name)}: {escape(value)}</code>"
        for name, value in sorted(entry.hashes.items())
    )
    if digests:
        digests = f'<details class="digests"><summary>digests</summary>{digests}</details>'
    return (
        f'<a href="{url}">{escape(entry.filename)}</a><div class="row"><span>{shown}</span>'
        f'<span class="soft">{size} · {upload_date(entry)}</span>{metadata}{digests}</div>'
    )


def release_files(files: list[FileEntry], view: ProjectView) -> str:
    """Render the files of one release."""
    rows = [_render_file(entry, view.site) for entry in reversed(files)]
    shown = bullet_list(rows[:FILES_SHOWN], "files")
    rest = rows[FILES_SHOWN:]
    if rest:
        summary = f"<summary>{counted(len(rest), 'more file')}</summary>"
        shown += f'<details class="more">{summary}{bullet_list(rest, "files")}</details>'
    count = counted(len(files), "file")
    if not view.site.leaf or not files:
        return card_section(count, shown)
    release = files[0].release
    return card_section(f"{escape(release)}: {count}", shown, f"r-{release}")


def other_releases(files: list[FileEntry], view: ProjectView) -> str:
    """Render the files of all releases except the one shown first, newest release first."""
    by_release: dict[tuple[Any, ...], list[FileEntry]] = {}
    for entry in reversed(files):
        by_release.setdefault(version_key(entry.release), []).insert(0, entry)
    by_release.pop(version_key(view.version), None)
    return "".join(release_files(entries, view) for entries in by_release.values())
