"""Layout: the frame of pages for people, their style, script and security policy, shared parts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from urllib.parse import quote

from microrepo.standalone.server.labels import escape, html_bytes
from microrepo.standalone.server.people.assets import load_asset
from microrepo.standalone.server.people.views import SERVED, Site

STYLE = load_asset("style.css")
SCRIPT = load_asset("script.js")
LOGO = load_asset("logo.svg")
_ICON = quote(
    LOGO.replace("currentColor", "#3b7cf0").replace(
        "<svg", "<svg xmlns='http://www.w3.org/2000/svg'"
    )
)


def _source_hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest())
    return f"'sha256-{digest.decode('ascii')}'"


_SOURCES = f"style-src {_source_hash(STYLE)}; script-src {_source_hash(SCRIPT)}; img-src data:"


CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; {_SOURCES}; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


EXPORT_POLICY = f"default-src 'none'; {_SOURCES}; base-uri 'none'"


def html_page(
    title: str, body: str, home: str, query: str = "", site: Site = SERVED, notice: str = ""
) -> bytes:
    """Return a complete page; `home` leads to the front page, `notice` stands above everything."""
    policy, root, hidden = "", "", ""
    warning = f'<p class="note" role="status">{escape(notice)}</p>' if notice else ""
    if site.leaf:
        policy = f'<meta http-equiv="Content-Security-Policy" content="{EXPORT_POLICY}">'
        root, hidden = f' data-root="{home}{site.files}"', " hidden"
    return html_bytes(f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">{policy}<title>{escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:image/svg+xml,{_ICON}"><style>{STYLE}</style></head><body{root}>
<a class="skip" href="#main">Skip to content</a>
<header class="top"><div class="wrap"><a class="brand" href="{home}{site.leaf}">{LOGO}<span>microrepo</span></a>
<form role="search" action="{home}{site.leaf}"{hidden}><input type="search" id="q" name="q" value="{escape(query)}"
placeholder="Find a project" aria-label="Find a project" autocomplete="off" spellcheck="false">
<button>Search</button></form></div></header>
<main class="wrap" id="main">{warning}{body}</main>
<footer><div class="wrap">The index for pip and uv is at <a href="{home}{site.files}simple/{site.leaf}">simple/</a>.</div></footer>
<script>{SCRIPT}</script></body></html>
""")


def render_message(title: str, text: str, home: str) -> bytes:
    """Render a page with a short message, such as that a project was not found."""
    body = f'<h1>{escape(title)}</h1><p class="lead">{escape(text)}</p><p><a href="{home}">All projects</a></p>'
    return html_page(title, body, home)


def card_section(title: str, content: str, anchor: str = "") -> str:
    """Render a titled box; nothing without content."""
    if not content:
        return ""
    place = f' id="{escape(anchor)}"' if anchor else ""
    return f'<section class="card"{place}><h2>{title}</h2>{content}</section>'


def bullet_list(rows: Iterable[str], style: str = "") -> str:
    """Render a list of HTML rows; nothing without rows."""
    items = "".join(f"<li>{row}</li>" for row in rows)
    return f'<ul class="plain {style}">{items}</ul>' if items else ""


def badges(labels: Iterable[str], style: str = "") -> str:
    """Render labels as badges."""
    return "".join(f'<span class="badge {style}">{escape(label)}</span>' for label in labels)


def current_mark(is_current: bool) -> str:
    """Return the attribute of the link that leads to the present page."""
    return ' aria-current="page"' if is_current else ""


def release_link(version: str, site: Site) -> str:
    """Return the end of a release's address; on exported pages all releases are on one page."""
    return f"{site.leaf}#r-{quote(version)}" if site.leaf else f"?version={quote(version)}"
