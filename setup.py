"""Metadata lives in pyproject.toml; this file serves tools that still look for it."""

import sys

if {"install", "develop"} & set(sys.argv[1:]):
    sys.exit("setup.py: run `python3 -m pip install .` instead, in a virtual environment")

from setuptools import setup

setup()
