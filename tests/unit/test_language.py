"""Language of texts: phrases that docs/STYLE.md rules out, with what to write instead."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

#: pattern -> better
PHRASES = {
    r"\bwhoever\b": "the noun, or 'to ..., run ...'",
    r"\bwho (?:wants|asks|needs|sends|decides|reads|mirrors|states)\b": "'to get X', 'if you need X'",
    r"\banew\b|\bafresh\b|\bonce more\b": "'again'",
    r"\bso many\b": "'the number of'",
    r"\bshall\b": "'must', or the present tense",
    r"\bthat (?:is|are|was|were) there\b": "'existing', 'present'",
    r"\bwhat (?:is|lies|stands|was) there\b": "the noun: 'existing files'",
    r"\b(?:are|is|was|were|be) there (?:already|too)\b": "'already exists'",
    r"\bthere (?:is|are) no such\b": "'X not found', 'X does not exist'",
    r"\bcannot be had\b|\bcould not be had\b": "'cannot be read', 'is not available'",
    r"\bin vain\b": "'failed'",
    r"\bin the way\b": "'cannot be used', 'already exists'",
    r"\b(?:no|any)body but\b": "'only'",
    r"\bnobody knows\b": "'unknown'",
    r"\bsomebody else's\b|\banother's\b": "the name of the owner",
    r"\bof (?:ours|theirs|yours)\b": "'our', or the name of the owner",
    r"\bbelongs? into\b": "'goes in'",
    r"\bat (?:once or not at all|once or never)\b|\bwhole or not at all\b": "'atomically'",
    r"\bis to be\b|\bare to be\b": "'must be', or the active voice",
    r"\bis to go\b|\bare to go\b|\bmust not go\b|\bmay go\b": "'is deleted', 'may be deleted'",
    r"\blooked? at (?:again|once|one)\b": "'checked', 'read'",
    r"\b(?:asked|asks|looked|looks|waited) for (?:again|where|when)\b": "'requested', 'looked up'",
    r"\bsays? of (?:it|them|its|their|the|a)\b": "'says about', or the noun",
    r"\bknows? of (?:it|them|its|their)\b": "'knows', or the noun",
    r"\btold of\b": "'receives', 'is notified of'",
    r"\bsees? to it\b": "'ensures'",
    r"\bmade good\b|\bmake good\b|\bmended\b": "'repaired', 'completed'",
    r"\bgoes before\b|\bgo before\b": "'takes precedence over', 'comes before'",
    r"\b(?:is|are) no (?:requirement|number|path|name|file|directory|digest|URL)\b": "'is not a X'",
    r"\bthe very same\b|\bthe very (?:file|page|releases?)\b": "'the same', 'identical'",
    r"\bunder way\b": "'running', 'in progress'",
    r"\btells (?:whether|apart)\b": "'returns whether', 'distinguishes'",
    r"\bnothing happens to\b": "'... is unchanged'",
    r"\bis told\b|\bare told\b": "'receives', 'is documented'",
}
FORBIDDEN = [(re.compile(pattern, re.IGNORECASE), better) for pattern, better in PHRASES.items()]

PAGES = sorted(
    [
        *(CHECKOUT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
        *(CHECKOUT / "docs").rglob("*.md"),
        *(CHECKOUT / "changelog.d").glob("+*.md"),
    ]
)
MODULES = sorted((CHECKOUT / "microrepo").rglob("*.py"))


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line number and text of every string and block of comments in a module."""
    source = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
    comments: list[tuple[int, str]] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if comments and token.start[0] != comments[-1][0] + 1:
                yield comments[0][0], " ".join(text for _, text in comments)
                comments = []
            comments.append((token.start[0], token.string.lstrip("# ")))
    if comments:
        yield comments[0][0], " ".join(text for _, text in comments)


def _paragraphs(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line number and text of every paragraph of a page."""
    number = 1
    for paragraph in path.read_text(encoding="utf-8").split("\n\n"):
        yield number, paragraph
        number += paragraph.count("\n") + 2


def _faults(path: Path, texts: Iterator[tuple[int, str]]) -> list[str]:
    found = []
    for number, text in texts:
        plain = " ".join(text.split())
        found += [
            f"{path.relative_to(CHECKOUT)}:{number}: {match[0]!r}: write {better}"
            for pattern, better in FORBIDDEN
            for match in pattern.finditer(plain)
        ]
    return found


def test_modules_use_plain_phrases():
    faults = [fault for path in MODULES for fault in _faults(path, _texts(path))]
    assert not faults, "\n".join(faults)


def test_pages_use_plain_phrases():
    pages = [path for path in PAGES if path.name != "STYLE.md"]  # which lists the phrases
    faults = [fault for path in pages for fault in _faults(path, _paragraphs(path))]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "text", ["What is there stays.", "Whoever reads it", "so many of each", "it is\nto be read"]
)
def test_a_phrase_is_found_across_lines(text):
    assert _faults(CHECKOUT / "README.md", iter([(1, text)]))
