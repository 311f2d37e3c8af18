"""The assembled server: one file as repositories get it, and as a module for tests."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from microrepo.standalone.assemble import assemble

_FOLDER = tempfile.TemporaryDirectory(prefix="microrepo-server-")


def write_server(directory: Path) -> Path:
    """Write the file into a directory and return its path."""
    path = directory / "server.py"
    path.write_text(assemble(), "utf-8")
    return path


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("assembled_server", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


SERVER_FILE = write_server(Path(_FOLDER.name))
# Typed as a module, so that tests may name whatever the file holds.
server_module = _load(SERVER_FILE)
