"""Import names: what metadata states, and what the members of wheels are."""

from __future__ import annotations

import pytest

from microrepo.formats.distribution.header_fields import metadata_fields
from microrepo.formats.import_names import (
    ImportEvidence,
    find_module,
    is_module_name,
    stated_imports,
)

METADATA = b"""\
Metadata-Version: 2.5
Name: example
Version: 1.0
Import-Name: example
Import-Name: _example;private
Import-Name: acme.tools ; private
Import-Namespace: acme
Import-Name:
Import-Name: not-a-name

Import-Name: only_in_the_description
"""


def test_stated_names() -> None:
    found = stated_imports(metadata_fields(METADATA)[0])
    assert found.names == {"example", "_example", "acme.tools"}
    assert found.namespaces == {"acme"}
    assert found.private == {"_example", "acme.tools"}
    assert found.evidence("example") is ImportEvidence.NAME
    assert found.evidence("acme") is ImportEvidence.NAMESPACE
    assert found.evidence("example.sub") is None
    assert found.evidence("only_in_the_description") is None


def test_older_metadata_states_nothing() -> None:
    found = stated_imports(metadata_fields(b"Metadata-Version: 2.1\nName: example\n")[0])
    assert not found.names
    assert not found.namespaces


@pytest.mark.parametrize(
    ("member", "module", "expected"),
    [
        ("yaml/__init__.py", "yaml", ImportEvidence.MODULE),
        ("yaml.py", "yaml", ImportEvidence.MODULE),
        ("_yaml.cpython-313-x86_64-linux-gnu.so", "_yaml", ImportEvidence.MODULE),
        ("_yaml.pyd", "_yaml", ImportEvidence.MODULE),
        ("yaml/__init__.abi3.so", "yaml", ImportEvidence.MODULE),
        ("yaml-6.0.data/platlib/yaml/__init__.py", "yaml", ImportEvidence.MODULE),
        ("yaml-6.0.data/purelib/yaml/cyaml.py", "yaml.cyaml", ImportEvidence.MODULE),
        ("google/protobuf/__init__.py", "google.protobuf", ImportEvidence.MODULE),
        ("google/protobuf/__init__.py", "google", ImportEvidence.PORTION),
        ("google/protobuf/data.json", "google", None),
        ("yaml-6.0.data/scripts/yaml.py", "yaml", None),
        ("yaml-6.0.dist-info/METADATA", "yaml", None),
        ("yaml/__init__.pyi", "yaml", None),
        ("yaml/__init__.py/x.txt", "yaml", None),
        ("yamllint/__init__.py", "yaml", None),
        ("yaml.old.py", "yaml", None),
        ("other/yaml.py", "yaml", None),
    ],
)
def test_members_of_a_wheel(member: str, module: str, expected: ImportEvidence | None) -> None:
    assert find_module([b"zzz.py", member.encode(), b"LICENSE"], module) is expected


def test_a_module_counts_more_than_a_part_of_a_namespace() -> None:
    members = [b"acme/tools.py", b"acme/__init__.py"]
    assert find_module(members, "acme") is ImportEvidence.MODULE
    assert find_module("Größe/__init__.py".encode().split(b"\n"), "Größe") is ImportEvidence.MODULE


@pytest.mark.parametrize(
    ("text", "expected"),
    [("yaml", True), ("a.b_c", True), ("", False), ("a..b", False), ("a-b", False), ("a b", False)],
)
def test_module_names(text: str, expected: bool) -> None:
    assert is_module_name(text) is expected
