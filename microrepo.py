#!/usr/bin/env python3
"""Run microrepo from a checkout, without installing it."""

if __name__ == "__main__":
    import sys
    from importlib.util import find_spec

    if sys.version_info < (3, 10):
        sys.exit(
            "microrepo.py: Python 3.10 or later is required, this is " + sys.version.split()[0]
        )
    needed = ["distlib", "filelock", "msgspec", "packaging", "requests", "resolvelib", "tqdm"]
    needed += ["tomli"] * (sys.version_info < (3, 11))
    missing = ", ".join(name for name in needed if find_spec(name) is None)
    if missing:
        sys.exit(
            "microrepo.py: not installed: " + missing + ". Run `python3 -m venv .venv && "
            ".venv/bin/pip install .`, then `.venv/bin/microrepo`"
        )

    from microrepo.cli import main

    sys.exit(main())
