"""The program in a bundle is written in the language of Python 3.7."""

from __future__ import annotations

import ast

from microrepo.standalone.assemble import IMPORTER, assemble


def test_the_syntax_is_that_of_python_3_7() -> None:
    text = assemble(IMPORTER)
    tree = ast.parse(text, feature_version=(3, 7))
    for node in ast.walk(tree):
        if isinstance(node, (ast.With, ast.AsyncWith)):
            # `ast` takes parentheses around several items in any version.
            before_first = text.splitlines()[node.lineno - 1].strip()
            assert before_first != "with (", node.lineno
