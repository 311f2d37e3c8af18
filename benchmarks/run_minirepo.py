"""Run the published minirepo against another server; the argument is that server's root URL.

minirepo has no option for its server: the addresses stand in its source. This loads that
source with only the host replaced and starts its `main()`. Runs in minirepo's own venv.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import re
import sys
import types
from pathlib import Path


def load(root_url: str) -> types.ModuleType:
    """Return the module with `root_url` in place of the host it was written for."""
    spec = importlib.util.find_spec("minirepo")
    if spec is None or spec.origin is None:
        raise SystemExit("minirepo is not installed")
    source = Path(spec.origin).read_text(encoding="utf-8")
    source, count = re.subn(r"https://[\w.]+/(?=(?:simple|pypi/%s/json)')", f"{root_url}/", source)
    if not count:
        raise SystemExit("this minirepo holds no address that could be replaced")
    module = types.ModuleType("minirepo")
    sys.modules["minirepo"] = module
    exec(compile(source, spec.origin, "exec"), module.__dict__)
    return module


if __name__ == "__main__":
    # The patched module lives in this process only, so the workers must be forked from it.
    multiprocessing.set_start_method("fork")
    load(sys.argv[1]).main()
