"""Project page: one release of a project with its files and facts, for people."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from microrepo.standalone.server.client_settings import client_settings
from microrepo.standalone.server.labels import counted, escape, platform_labels, python_labels
from microrepo.standalone.server.names import normalize_name, parse_filename
from microrepo.standalone.server.people.file_list import (
    other_releases,
    release_files,
    safe_url,
    upload_date,
)
from microrepo.standalone.server.people.layout import (
    badges,
    bullet_list,
    card_section,
    current_mark,
    html_page,
    release_link,
)
from microrepo.standalone.server.people.views import ProjectView
from microrepo.standalone.server.records import FileEntry, latest_version, list_versions, sort_files
from microrepo.standalone.server.versions import is_prerelease, natural_key, version_key


def render_project(view: ProjectView) -> bytes:
    """Render a project's page for people, with the files of one of its releases."""
    name, wanted = normalize_name(view.page.name), version_key(view.version)
    ordered = sort_files(view.page.files)
    files = [entry for entry in ordered if version_key(entry.release) == wanted]
    newest = wanted == version_key(latest_version(view.page))
    pinned = "" if newest else f"=={view.version}"
    command = f"{client_settings(view.url).pip_command} {name}{pinned}"
    text = view.info.description.strip()
    description = f'<pre class="description">{escape(text)}</pre>' if text else ""
    content = card_section("Install", f'<pre class="copy">{escape(command)}</pre>')
    content += release_files(files, view)
    text_card = card_section("Description", description)
    if view.site.leaf:
        text_card += other_releases(ordered, view)
    side = _render_releases(view) + _render_facts(view, files)
    body = (
        f'<h1>{escape(name)} <span class="soft">{escape(view.version)}</span></h1>'
        f'<p class="lead">{escape(view.info.summary)}</p>{_render_notes(view, files)}'
        f'<div class="cols"><div>{content}{text_card}</div><aside>{side}</aside></div>'
    )
    return html_page(f"{name} {view.version}", body, "../../", site=view.site, notice=view.notice)


def _render_notes(view: ProjectView, files: list[FileEntry]) -> str:
    notes = []
    if view.page.status != "active":
        reason = f": {view.page.status_reason}" if view.page.status_reason else "."
        notes.append(("This project is ", view.page.status, reason))
    if files and all(entry.yanked is not False for entry in files):
        reasons = [entry.yanked for entry in files if isinstance(entry.yanked, str)]
        reason = next((f": {text}" for text in reasons if text), " by its maintainers.")
        notes.append(("This release was ", "yanked", reason))
    if is_prerelease(view.version):
        notes.append(("This is a ", "pre-release", "."))
    return "".join(
        f'<p class="note{" bad" if mark in {"quarantined", "yanked"} else ""}">'
        f"{before}<b>{escape(mark)}</b>{escape(after)}</p>"
        for before, mark, after in notes
    )


def _render_releases(view: ProjectView) -> str:
    dates: dict[tuple[Any, ...], str] = {}
    yanked: dict[tuple[Any, ...], bool] = {}
    for entry in view.page.files:
        key = version_key(entry.release)
        dates[key] = max(dates.get(key, ""), upload_date(entry))
        yanked[key] = yanked.get(key, True) and entry.yanked is not False
    rows = []
    for version in reversed(list_versions(view.page)):
        key = version_key(version)
        marks = badges(["yanked"], "bad") if yanked.get(key) else ""
        marks += badges(["pre"], "warn") if is_prerelease(version) else ""
        current = current_mark(key == version_key(view.version))
        link = f'<a href="./{release_link(version, view.site)}"{current}>{escape(version)}</a>'
        date = f'<span class="soft">{dates.get(key, "no files")}</span>'
        rows.append(f"<span>{link} {marks}</span>{date}")
    return card_section(counted(len(rows), "release"), bullet_list(rows, "releases"))


def _render_facts(view: ProjectView, files: list[FileEntry]) -> str:
    info = view.info
    parsed = [item for item in (parse_filename(entry.filename) for entry in files) if item]
    pythons = {label for item in parsed for label in python_labels(item)}
    platforms = {label for item in parsed for label in platform_labels(item)}
    requires = next((entry.requires_python for entry in files if entry.requires_python), "")
    links = [
        f'<a rel="noopener nofollow" href="{escape(url)}">{escape(label)}</a>'
        for label, url in ((label, safe_url(url)) for label, url in info.links)
        if url
    ]
    needs = [_render_requirement(requirement, view) for requirement in info.requires]
    rows = (
        ("Requires Python", escape(requires)),
        ("Built for", badges(sorted(pythons, key=natural_key), "py") + badges(sorted(platforms))),
        ("License", escape(info.license)),
        ("Author", escape(info.author)),
        ("Attested by", bullet_list([escape(name) for name in info.publishers])),
        ("Links", bullet_list(links)),
        ("Requires", bullet_list(needs)),
    )
    facts = "".join(f"<dt>{label}</dt><dd>{value}</dd>" for label, value in rows if value)
    return card_section("About", f"<dl>{facts}</dl>" if facts else "")


def _render_requirement(requirement: str, view: ProjectView) -> str:
    match = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", requirement)
    name = normalize_name(match.group(1)) if match else ""
    if match is None or not view.known(name):
        return escape(requirement)
    rest = escape(requirement[match.end() :])
    # An exported page must not change with what else is there: it leads to the list of projects.
    leaf = view.site.leaf
    url = f"../../{leaf}?q={quote(name)}" if leaf else f"../{quote(name)}/"
    return f'<a href="{url}">{escape(match.group(1))}</a>{rest}'
