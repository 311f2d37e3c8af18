"""Assets: style, script and logo of the pages for people."""

from importlib.resources import files


def load_asset(name: str) -> str:
    """Return the text of a file in this folder; the assembled server has it as a constant."""
    return files(__name__).joinpath(name).read_text("utf-8")
