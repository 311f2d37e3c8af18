"""Paths of the pages below a repository."""

from __future__ import annotations

# Folders at the top of a repository that hold nothing but pages.
TREES = ("simple", "pypi", "browse")
START_PAGE = "browse/index.html"
# File names of a project's page.
_FORMS = ("index.html", "index.v1_html", "index.v1_json")


def browse_page(name: str) -> str:
    """Return the path of a project's page for people."""
    return f"browse/project/{name}/index.html"


def page_folder(name: str) -> str:
    """Return the folder of a project's page in all its forms."""
    return f"simple/{name}"


def document_folder(name: str) -> str:
    """Return the folder of a project's JSON document."""
    return f"pypi/{name}"


def index_pages(name: str) -> tuple[str, ...]:
    """Return the paths of a project's JSON document and of its page in all forms."""
    folder = page_folder(name)
    return (f"{document_folder(name)}/json", *(f"{folder}/{form}" for form in _FORMS))
