"""Front page: totals, client settings and the projects of a repository, for people."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from microrepo.standalone.server.client_settings import client_settings
from microrepo.standalone.server.labels import (
    counted,
    escape,
    format_bytes,
    initial_of,
    time_element,
)
from microrepo.standalone.server.names import parse_filename
from microrepo.standalone.server.people.layout import (
    bullet_list,
    card_section,
    current_mark,
    html_page,
    release_link,
)
from microrepo.standalone.server.people.views import HomeView, Totals

PAGE_SIZE = 60


def render_home(view: HomeView) -> bytes:
    """Render the front page: totals, how to use the repository, and a page of its projects."""
    host = urlsplit(view.url).netloc.rpartition("@")[2]
    searching = bool(view.query or view.letter)
    intro = "" if searching or view.page > 1 else _render_tiles(view) + _render_usage(view.url)
    side = (
        ""
        if searching or not view.totals.files
        else _render_kinds(view.totals) + _render_recent(view)
    )
    found = _render_results(view)
    columns = f'<div class="cols"><div>{found}</div><aside>{side}</aside></div>' if side else found
    title, lead = "Python packages", "Install them with pip, uv or any other client."
    if not view.site.leaf:
        title += f" on {host}"
    if searching:
        title = f"Projects matching {view.query}" if view.query else "Projects by name"
        lead = f"Python packages on {host}"
    heading = f'<h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p>'
    home = "" if view.site.leaf else "./"
    return html_page(title, heading + intro + columns, home, view.query, view.site, view.notice)


def _render_tiles(view: HomeView) -> str:
    totals, known = view.totals, view.totals.changed_s > 0
    changed = time_element(totals.changed_s, view.now_s) if known else "…"
    rows = (
        (f"{totals.projects:,}", "project" if totals.projects == 1 else "projects"),
        (f"{totals.files:,}" if known else "…", "file" if totals.files == 1 else "files"),
        (format_bytes(totals.total_bytes) if known else "…", "in total"),
        (changed, "last change"),
    )
    tiles = "".join(f"<div><b>{value}</b><span>{label}</span></div>" for value, label in rows)
    return f'<div class="tiles">{tiles}</div>'


def _render_usage(url: str) -> str:
    settings = client_settings(url)
    tabs = (
        ("pip", settings.pip_command + " PROJECT"),
        ("pip.conf", settings.pip_conf),
        ("uv", settings.uv_command + " PROJECT"),
        ("uv.toml", settings.uv_toml),
        ("environment", settings.environment),
    )
    parts = []
    for number, (label, text) in enumerate(tabs):
        checked = "" if number else " checked"
        parts.append(
            f'<input type="radio" name="tab" id="t{number}"{checked}><label for="t{number}">{label}</label>'
            f'<pre class="copy">{escape(text.strip())}</pre>'
        )
    return card_section("Use this repository", f'<div class="tabs">{"".join(parts)}</div>')


def _render_kinds(totals: Totals) -> str:
    start, bars, legend, said = 0.0, [], [], []
    for number, (label, files, size) in enumerate(totals.kinds[:6]):
        width = 100 * size / max(totals.total_bytes, 1)
        place = f'x="{start:.2f}" width="{max(width - 0.3, 0.2):.2f}" height="10"'
        share = f"{label} {format_bytes(size)} in {counted(files, 'file')}"
        said.append(share)
        bars.append(f'<rect class="k{number}" {place}><title>{share}</title></rect>')
        dot = f'<svg viewBox="0 0 10 10" aria-hidden="true"><circle class="k{number}" cx="5" cy="5" r="5"/></svg>'
        amount = f'<span class="soft" title="{counted(files, "file")}">{format_bytes(size)}</span>'
        legend.append(f"<span>{dot}{label}</span>{amount}")
        start += width
    named = f'role="img" aria-label="Bytes by kind: {", ".join(said)}"'
    box = f'class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" {named}'
    return card_section(
        "Contents", f"<svg {box}>{''.join(bars)}</svg>{bullet_list(legend, 'legend')}"
    )


def _render_recent(view: HomeView) -> str:
    rows: dict[str, str] = {}
    for filename, uploaded_s in view.totals.recent:
        parsed = parse_filename(filename)
        if parsed:
            label = escape(f"{parsed.name} {parsed.version}")
            url = f"project/{quote(parsed.name)}/{release_link(parsed.version, view.site)}"
            age = time_element(uploaded_s, view.now_s)
            rows.setdefault(label, f'<a href="{url}">{label}</a><span class="soft">{age}</span>')
    return card_section("Latest uploads", bullet_list(list(rows.values())[:8], "recent"))


def _render_results(view: HomeView) -> str:
    complete = not (view.query or view.letter) and view.matches == len(view.cards)
    rows, letter = [], ""
    for card in view.cards:
        place = ""
        if view.site.leaf and initial_of(card.name) != letter:
            letter = initial_of(card.name)
            place = f' id="l-{letter}"'
        version = f" <span>{escape(card.version)}</span>" if card.version else ""
        summary = f"<p>{escape(card.summary)}</p>" if card.summary else ""
        rows.append(
            f'<li{place}><a href="project/{quote(card.name)}/{view.site.leaf}"><b>{escape(card.name)}</b>{version}{summary}</a></li>'
        )
    listing = (
        f'<ul class="plain projects">{"".join(rows)}</ul>'
        if rows
        else "<p>No matching project.</p>"
    )
    if not rows and not view.query and not view.letter:
        listing = "<p>No distributions yet. Put wheels or source archives into this directory.</p>"
    return (
        f'<section class="card" id="results" data-complete="{complete:d}"><h2><span class="count" aria-live="polite">'
        f"{counted(view.matches, 'project')}</span></h2>{_render_letters(view)}{listing}{_render_pager(view)}</section>"
    )


def _render_letters(view: HomeView) -> str:
    if view.query or len(view.letters) < 2 or (view.matches <= PAGE_SIZE and not view.letter):
        return ""
    links = [f'<a href="./"{current_mark(not view.letter)}>All</a>'] if not view.site.leaf else []
    for letter in view.letters:
        label = "0-9" if letter == "0" else letter.upper()
        url = f"#l-{letter}" if view.site.leaf else f"./?letter={letter}"
        links.append(f'<a href="{url}"{current_mark(letter == view.letter)}>{label}</a>')
    return f'<nav class="letters" aria-label="First letter">{"".join(links)}</nav>'


def _render_pager(view: HomeView) -> str:
    pages = -(-view.matches // PAGE_SIZE)
    if pages < 2 or view.site.leaf:
        return ""
    chosen = (
        f"q={quote(view.query)}&amp;"
        if view.query
        else f"letter={quote(view.letter)}&amp;"
        if view.letter
        else ""
    )
    before = (
        f'<a rel="prev" href="./?{chosen}page={view.page - 1}">← Previous</a>'
        if view.page > 1
        else "<span></span>"
    )
    after = (
        f'<a rel="next" href="./?{chosen}page={view.page + 1}">Next →</a>'
        if view.page < pages
        else "<span></span>"
    )
    return f'<nav class="pages" aria-label="Pages">{before}<span class="soft">Page {view.page:,} of {pages:,}</span>{after}</nav>'
