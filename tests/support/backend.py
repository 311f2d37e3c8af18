"""Texts that go into the sdists of the test bed: a PEP 517 backend without any requirement."""

PYPROJECT = """\
[build-system]
requires = [@REQUIRES@]
build-backend = "in_tree_backend"
backend-path = ["."]
"""

SETUP_PY = """\
from setuptools import setup

setup(name="{name}", version="{version}", packages=["{module}"])
"""

# Runs on every Python 3 that pip supports, so: no annotations, no new syntax.
BACKEND_SOURCE = '''\
"""Build a wheel from PKG-INFO and the package beside it, with the standard library alone."""

import base64
import hashlib
import os
import re
import zipfile


def _headers():
    with open("PKG-INFO", encoding="utf-8") as stream:
        text = stream.read()
    fields = dict(
        line.split(": ", 1) for line in text.splitlines() if ": " in line and line[0].isalpha()
    )
    return text, re.sub("[-_.]+", "_", fields["Name"]).lower(), fields["Version"]


def _members():
    text, module, version = _headers()
    for folder, _, names in sorted(os.walk(module)):
        for name in sorted(names):
            path = os.path.join(folder, name)
            with open(path, "rb") as stream:
                yield path.replace(os.sep, "/"), stream.read()
    info = "{}-{}.dist-info".format(module, version)
    yield info + "/METADATA", text.encode("utf-8")
    wheel = "Wheel-Version: 1.0\\nGenerator: in-tree\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    yield info + "/WHEEL", wheel.encode("ascii")


def get_requires_for_build_wheel(config_settings=None):
    return []


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    _, module, version = _headers()
    name = "{}-{}-py3-none-any.whl".format(module, version)
    record = "{}-{}.dist-info/RECORD".format(module, version)
    lines = []
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as archive:
        for path, content in _members():
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            lines.append("{},sha256={},{}".format(path, digest.decode(), len(content)))
            archive.writestr(path, content)
        archive.writestr(record, "\\n".join(lines + [record + ",,"]) + "\\n")
    return name
'''
