"""Where pages stand below the repository: paths that others than their writers need to know."""

from __future__ import annotations

START_PAGE = "browse/index.html"


def browse_page(name: str) -> str:
    """Return the place of a project's page for people.

    Args:
        name: normalised.
    """
    return f"browse/project/{name}/index.html"


# The pages of a project under `simple/<project>/`.
PROJECT_FORMS = ("index.html", "index.v1_html", "index.v1_json")
