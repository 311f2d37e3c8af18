"""How hard the laws are tried: the same few examples on each run, or many new ones.

``MICROREPO_TEST_PROFILE=thorough`` tries many; the default is for every run of the tests.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("short", max_examples=40, derandomize=True, database=None, deadline=None)
settings.register_profile("thorough", max_examples=3000, database=None, deadline=None)
settings.load_profile(os.environ.get("MICROREPO_TEST_PROFILE", "short"))
