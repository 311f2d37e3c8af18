"""Configuration of the documentation site: `nox -s docs` builds it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from microrepo import __version__

project = "microrepo"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["generate.py"]
html_theme = "furo"
html_title = f"microrepo {__version__}"
html_copy_source = False

# Links to headings work as they do where the pages are read as files.
myst_heading_anchors = 3
myst_enable_extensions = ["fieldlist"]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_class_signature = "separated"
