"""Requirements files, lock files, projects and scripts all come out as the same record."""

from typing import Any

import pytest

from microrepo.errors import ConfigError
from microrepo.formats.requirements.requirement_files import read_requirement_set
from microrepo.formats.requirements.requirement_set import FormatControl, RequirementSet

A64 = "a" * 64
B64 = "b" * 64


def _read(
    files: dict[str, bytes], name: str = "requirements.txt", **options: Any
) -> RequirementSet:
    return read_requirement_set(name, lambda path: files[path], **options)


def _texts(found: RequirementSet, *, limits: bool = False) -> tuple[str, ...]:
    return tuple(map(str, found.constraints if limits else found.requirements))


def _hashes(found: RequirementSet) -> dict[str, tuple[str, ...]]:
    return {one.project: one.hashes for one in found.requirements}


def test_lines_comments_continuations_and_markers():
    """The usual file."""
    body = (
        b"# a comment\n\nflask>=2  # behind\nrich[a,b] ; python_version < '3.12'\n"
        b"numpy>=1.26, \\\n    <3\nurl@https://files.example/x.zip#sha256=1\n"
        b"name @ https://files.example/y.zip\nlast == 1.0 \\\n# a comment ends it\n"
    )
    assert _texts(_read({"requirements.txt": body})) == (
        "flask>=2",
        'rich[a,b] ; python_version < "3.12"',
        "numpy>=1.26,     <3",
        "url @ https://files.example/x.zip#sha256=1",
        "name @ https://files.example/y.zip",
        "last == 1.0",
    )


def test_includes_are_relative_to_the_including_file():
    """`-r` and `-c` in all spellings, across directories; a file is read once."""
    files = {
        "in/main.txt": b"-r sub/more.txt\n-c limits.txt\n--requirement=/etc/abs.txt\n-rsub/more.txt\n",
        "in/sub/more.txt": b"more\n--constraint ../limits.txt\n-r ../main.txt\n",
        "in/limits.txt": b"limit<2\n-r under.txt\n",
        "in/under.txt": b"under<3\n",
        "/etc/abs.txt": b"absolute\n",
    }
    found = _read(files, "in/main.txt")
    assert _texts(found) == ("more", "absolute")
    assert _texts(found, limits=True) == ("limit<2", "under<3")


def test_hashes_and_options():
    """Digests are kept per project, other options skipped with a note."""
    body = (
        f"--index-url https://index.example/simple\n-i https://index.example/\n--trusted-host x\n"
        f"Foo.Bar==1.0 \\\n  --hash=sha256:{A64} \\\n  --hash sha256:{B64.upper()}\n"
        f"baz==2 --config-settings=x=y --hash=md5:{'c' * 32}\n"
    ).encode()
    found = _read({"requirements.txt": body})
    assert _texts(found) == ("Foo.Bar==1.0", "baz==2")
    assert _hashes(found) == {
        "foo-bar": (f"sha256:{A64}", f"sha256:{B64}"),
        "baz": (f"md5:{'c' * 32}",),
    }
    assert [note.partition(" ")[0] for note in found.notes] == [
        "requirements.txt:1:",
        "requirements.txt:2:",
        "requirements.txt:3:",
        "requirements.txt:7:",
    ]


@pytest.mark.parametrize(
    "body",
    [
        "flask>=2 # é\n".encode(),
        b"\xef\xbb\xbfflask>=2\n",
        "flask>=2\n".encode("utf-16"),
        "flask>=2 # ü\n".encode("utf-32"),
        "# -*- coding: latin-1 -*-\nflask>=2 # ü\n".encode("latin-1"),
        b"flask>=2\r\n",
        b"flask>=2",
    ],
    ids=["utf-8", "bom", "utf-16", "utf-32", "coding line", "crlf", "no newline"],
)
def test_encodings(body):
    """As pip decodes them."""
    assert _texts(_read({"requirements.txt": body})) == ("flask>=2",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-e ./other", "editable"),
        ("--editable=git+https://code.example/x", "editable"),
        ("git+https://code.example/x.git#egg=x", "path or URL"),
        ("https://files.example/x-1.0-py3-none-any.whl", "path or URL"),
        ("./local", "path or URL"),
        ("../local", "path or URL"),
        ("/abs/x", "path or URL"),
        ("..", "path or URL"),
        ("--all-releases :all:", "not supported"),
        ("flask==${MISSING}", "MISSING is not set"),
        ("a==1 --hash=sha512:abcd", "128 hexadecimal"),
        ("C:\\x", "path or URL"),
        ("x-1.0-py3-none-any.whl", "path or URL"),
        ("file:///x", "path or URL"),
        ("-r https://index.example/r.txt", "requirements files at URLs"),
        ("two words", "not a requirement"),
        ("a==1 --hash=nonsense", "--hash"),
        ("a==1 --hash=sha256:xyz", "--hash"),
    ],
)
def test_refused_with_place(line, message):
    """What no repository can provide is refused, and file and line are told."""
    with pytest.raises(ConfigError) as caught:
        _read({"requirements.txt": b"ok\n" + line.encode() + b"\n"})
    assert message in str(caught.value)
    assert str(caught.value).startswith("requirements.txt:2: ")


def test_wrong_encoding():
    """A file that is not what it claims names itself."""
    with pytest.raises(ConfigError, match=r"requirements\.txt: cannot be read as utf-8"):
        _read({"requirements.txt": b"flask # \xff\n"})


PYPROJECT = b"""
[project]
name = "mine"
dependencies = ["a>=1", "mine[x]"]
[project.optional-dependencies]
x = ["b"]
all = ["mine[x]", "c"]
[dependency-groups]
dev = ["d", {include-group = "Test"}]
test = ["e"]
loop = [{include-group = "loop"}]
odd = [1]
"""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ("a>=1", "b")),
        ({"extras": ["ALL"], "groups": ["dev"]}, ("a>=1", "c", "b", "d", "e")),
        ({"extras": ["all"], "groups": []}, ("a>=1", "b", "c")),
        ({"groups": ["test"]}, ("a>=1", "b", "e")),
    ],
)
def test_pyproject(options, expected):
    """Dependencies, extras with self-references, groups with includes."""
    options = {key: [v.lower() if v != "ALL" else v for v in vs] for key, vs in options.items()}
    found = _read({"pyproject.toml": PYPROJECT}, "pyproject.toml", **options)
    assert sorted(_texts(found)) == sorted(expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"extras": ["nope"]}, "no extra 'nope'"),
        ({"groups": ["nope"]}, "no group 'nope'"),
        ({"groups": ["loop"]}, "includes itself"),
        ({"groups": ["odd"]}, "item: 1"),
    ],
)
def test_pyproject_mistakes(options, message):
    """What does not exist is named."""
    with pytest.raises(ConfigError, match=message):
        _read({"pyproject.toml": PYPROJECT}, "pyproject.toml", **options)


@pytest.mark.parametrize("line", ["--extra-index-url https://x.example/", "-f x", "--find-links=x"])
def test_one_more_source_is_refused(line):
    """It may have other files."""
    with pytest.raises(ConfigError, match="sources"):
        _read({"requirements.txt": f"{line}\nfoo\n".encode()})


def test_lines_are_joined_and_options_are_read_as_pip_does():
    """A name can be broken anywhere, and a line can have several options."""
    body = (
        b"zz-\\\na==1.0\n--index-url https://x.example --pre\n--only-binary=zz-b --no-binary zz-c\n"
    )
    found = _read({"requirements.txt": body})
    assert _texts(found) == ("zz-a==1.0",)
    assert found.prereleases
    assert found.formats == FormatControl(frozenset({"zz-c"}), frozenset({"zz-b"}))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("zz-a=1.0", "installers refuse it"),
        ("-c limits.txt", "cannot have extras"),
        ("--pre zz-a", "pip ignores what follows"),
        ("--only-binary '", "No closing quotation"),
    ],
)
def test_what_pip_refuses_or_ignores_is_an_error(line, why):
    with pytest.raises(ConfigError, match=why):
        _read({"requirements.txt": f"{line}\n".encode(), "limits.txt": b"zz-a[x]<2\n"})


DYNAMIC = b"""[project]
name = "x"
dynamic = ["dependencies"]
optional-dependencies = {more = ["foo"]}
[dependency-groups]
dev = ["bar"]
"""


@pytest.mark.parametrize("chosen", [{}, {"extras": ["more"]}, {"groups": ["dev"]}])
def test_dynamic_dependencies_are_refused(chosen):
    """Only a build could tell them, and without them the choice may be another one."""
    with pytest.raises(ConfigError, match="dependencies is dynamic"):
        _read({"pyproject.toml": DYNAMIC}, "pyproject.toml", **chosen)


def test_dynamic_extras_are_refused_where_they_are_asked_for():
    project = {"pyproject.toml": DYNAMIC.replace(b'["dep', b'["optional-dep')}
    assert _texts(_read(project, "pyproject.toml")) == ()
    with pytest.raises(ConfigError, match="optional-dependencies is dynamic"):
        _read(project, "pyproject.toml", extras=["more"])


def test_a_group_alone():
    found = _read({"pyproject.toml": DYNAMIC}, "pyproject.toml", groups=["dev"], alone=True)
    assert _texts(found) == ("bar",)
    with pytest.raises(ConfigError, match="--only-group"):
        _read({"requirements.txt": b"foo"}, groups=["dev"], alone=True)


PYLOCK = f"""
lock-version = "1.0"
created-by = "x"
default-groups = ["base"]
[[packages]]
name = "a"
version = "1.0"
marker = "sys_platform == 'win32'"
wheels = [{{path = "a-1.0-py3-none-any.whl", hashes = {{sha256 = "{A64}"}}}}]
sdist = {{path = "a-1.0.tar.gz", hashes = {{sha256 = "{B64}"}}}}
[[packages]]
name = "dev"
version = "2"
marker = "'dev' in dependency_groups or 'Big_X' in extras"
sdist = {{path = "dev-2.tar.gz", hashes = {{sha256 = "{A64}"}}}}
[[packages]]
name = "base"
version = "3"
marker = "'base' in dependency_groups and 'no' not in extras"
sdist = {{path = "base-3.tar.gz", hashes = {{sha256 = "{A64}"}}}}
""".encode()


LOCK = b"lock-version='1.0'\ncreated-by='x'\n[[packages]]\n"


def test_pylock():
    """Each package is pinned with its digests; group and extra markers are answered."""
    found = _read({"pylock.cpu.toml": PYLOCK}, "pylock.cpu.toml")
    assert _texts(found) == (
        'a==1.0 ; sys_platform == "win32"',
        'dev==2 ; python_version < "0" or python_version < "0"',
        'base==3 ; python_version >= "0" and python_version >= "0"',
    )
    assert _hashes(found)["a"] == (f"sha256:{A64}", f"sha256:{B64}")
    chosen = _read({"pylock.toml": PYLOCK}, "pylock.toml", extras=["big-x"])
    assert 'or python_version >= "0"' in _texts(chosen)[1]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[[packages]]\nname='a'\n", "version 1"),
        (b"lock-version='2.0'\n", "version 1"),
        (b"not toml", "not a TOML document"),
        (LOCK + b"version='1'\n", "name"),
        (
            LOCK + b"name='a'\n[packages.vcs]\ntype='git'\nurl='u'\ncommit-id='1'\n",
            "a is not from an index .version control",
        ),
        (LOCK + b"name='a'\n", "Exactly one of"),
    ],
)
def test_pylock_mistakes(body, message):
    """What cannot be mirrored is refused by name."""
    with pytest.raises(ConfigError, match=message):
        _read({"pylock.toml": body}, "pylock.toml")


@pytest.mark.parametrize("name", ["poetry.lock", "Pipfile.lock", "dir/pdm.lock"])
def test_private_formats_say_what_to_do(name):
    """Formats of other tools are not guessed at."""
    with pytest.raises(ConfigError, match="run `"):
        _read({}, name)


def test_script():
    """The head of a script (PEP 723)."""
    body = (
        b"#!/usr/bin/env python3\n# /// script\n# requires-python = '>=3.11'\n"
        b"# dependencies = [\n#   'requests<3',\n#\n#   'rich',\n# ]\n# ///\nimport requests\n"
    )
    found = _read({"run.py": body}, "run.py")
    assert _texts(found) == ("requests<3", "rich")
    assert (found.requires_python, found.notes) == (">=3.11", ())


def test_the_last_closing_line_of_the_comment_ends_a_head():
    """So the text in between may hold such a line itself."""
    body = b'# /// script\n# dependencies = ["a"]\n# x = """\n# ///\n# """\n# ///\n# more\n'
    assert _texts(_read({"run.py": body}, "run.py")) == ("a",)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"\n# /// script\n# ///\n\n# /// script\n# ///\n", "run.py:5: more than one"),
        (b"# /// script\n# x = 1\n# y =\n# ///\n", "run.py:3: not a TOML"),
        (b"# /// script\n# dependencies = [\n# ///\n", "run.py:2: not a TOML"),
        (b"# /// script\n# dependencies = [\n#   'a',\n#   '???'\n# ]\n# ///\n", "run.py:4: "),
        (b"# /// script\n# dependencies = 'a'\n# ///\n", "run.py:2: .* must be a list"),
        (b"# /// script\n#\n# requires-python = '>=x'\n# ///\n", "run.py:3: .*requires-python"),
        (b"# /// script\n# requires-python = 3\n# ///\n", "run.py:2: .* must be text"),
    ],
)
def test_script_mistakes(body, message):
    """A head that cannot be read is an error."""
    with pytest.raises(ConfigError, match=message):
        _read({"run.py": body}, "run.py")


@pytest.mark.parametrize("body", [b"import os\n", b"# /// script\n# dependencies = []\ncode\n"])
def test_script_without_a_head(body):
    """An ordinary script asks for nothing, and says so."""
    found = _read({"run.py": body}, "run.py")
    assert _texts(found) == ()
    assert found.notes
