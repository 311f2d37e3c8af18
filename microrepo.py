#!/usr/bin/env python3
"""Run microrepo from a checkout, without installing it."""

if __name__ == "__main__":
    import sys
    from importlib.util import find_spec

    needed = ["distlib", "filelock", "msgspec", "packaging", "requests", "resolvelib", "tqdm"]
    missing = " ".join(name for name in needed if find_spec(name) is None)
    if missing:
        sys.exit(f"microrepo.py: install what is missing first: python3 -m pip install {missing}")

    from microrepo.cli import main

    sys.exit(main())
