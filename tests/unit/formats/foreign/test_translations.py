"""Settings of other mirror programs in terms of ours: every option, its notes, no crash."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microrepo.config.load import convert
from microrepo.errors import ConfigError
from microrepo.formats.foreign.bandersnatch_conf import MIRROR_OPTIONS, translate_bandersnatch
from microrepo.formats.foreign.bandersnatch_plugins import PLUGINS
from microrepo.formats.foreign.morgan_ini import translate_morgan
from microrepo.formats.foreign.translation import Surroundings, Translation

FILES = {"/r/a.txt": ["Foo_X==1.0", "bar", "~~"], "/r/b.txt": None}


def expand(folder: str, name: str) -> Sequence[str]:
    return [path for path in FILES if path == f"{folder}/{name}" or "*" in name]


WORLD = Surroundings(lambda url: "pypi.example" in url, expand, FILES.get)


def bandersnatch(text: str) -> Translation:
    translation = translate_bandersnatch(text, "conf", WORLD)
    convert(translation.values, "conf")
    return translation


def option(name: str, value: str) -> Translation:
    return bandersnatch(f"[mirror]\n{name} = {value}\n")


def told(translation: Translation) -> dict[str, str]:
    return {note.about: note.text for note in translation.notes}


PLAIN = bandersnatch("[mirror]\n").values


def test_without_any_option_it_is_the_whole_index() -> None:
    assert PLAIN == {
        "package_types": "all",
        "extensions": "all",
        "python_versions": "all",
        "packages": "everything",
        "dependencies": False,
        "versions": "all",
        "prereleases": True,
        "yanked": True,
        "removed": "keep",
    }


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("directory", "/srv/pypi", {"repository": "/srv/pypi"}),
        ("master", "https://pypi.example", {"source": "pypi"}),
        ("master", "https://mirror.example/", {"source": "https://mirror.example"}),
        ("allow-non-https", "true", {"allow_http": True}),
        ("allow_non_https", "false", {}),
        ("proxy", "socks5://host:1080", {"proxy": "socks5://host:1080"}),
        ("proxy", "", {}),
        ("download-mirror", "https://near.example", {"file_host": "https://near.example"}),
        ("download-mirror-no-fallback", "true", {"file_host_fallback": False}),
        ("download_mirror_no_fallback", "false", {}),
        ("release-files", "false", {"files": False}),
        ("release_files", "true", {}),
        ("delete_missing_packages", "true", {"removed": "delete"}),
        ("delete-packages", "true", {"removed": "delete"}),
        ("timeout", "20", {"timeout_s": 20}),
        ("workers", "5", {"connections": 5}),
        ("diff-file", "/srv/diffs", {"change_list": "/srv/diffs"}),
        ("diff-file", "/srv/pypi/mirrored-files", {"change_list": "/srv/pypi"}),
        ("diff-append-epoch", "true", {"change_list_history": True}),
    ],
)
def test_options_that_have_an_equivalent(
    name: str, value: str, expected: dict[str, object]
) -> None:
    assert option(name, value).values == {**PLAIN, **expected}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("storage-backend", "s3"),
        ("storage-filesystem-manage-permissions", "false"),
        ("json", "false"),
        ("core-metadata", "false"),
        ("hash-index", "true"),
        ("simple-format", "JSON"),
        ("compare-method", "stat"),
        ("digest_name", "md5"),
        ("root_uri", "https://files.example"),
        ("keep_index_versions", "3"),
        ("keep-index-versions", "3"),
        ("cleanup", "true"),
        ("cleanup_todo", "true"),
        ("stop-on-error", "true"),
        ("global-timeout", "60"),
        ("verifiers", "8"),
        ("log-config", "/etc/log.conf"),
        ("timeout", "soon"),
        ("workers", "0"),
        ("allow-non-https", "perhaps"),
        ("invented", "1"),
    ],
)
def test_options_without_an_equivalent_are_named(name: str, value: str) -> None:
    translation = option(name, value)
    assert f"mirror.{name}" in told(translation)
    assert translation.values == PLAIN


@pytest.mark.parametrize("name", MIRROR_OPTIONS)
def test_dashes_and_underscores_are_one(name: str) -> None:
    value = "https://x.example" if name in {"download_mirror", "root_uri"} else "7"
    plain, dashed = option(name, value), option(name.replace("_", "-"), value)
    assert plain.values == dashed.values
    assert len(plain.notes) == len(dashed.notes)


@pytest.mark.parametrize("name", MIRROR_OPTIONS)
@given(value=st.one_of(st.sampled_from(["", "true", "false", "3", "{{a_b}}"]), st.text(max_size=9)))
def test_whatever_stands_behind_an_option(name: str, value: str) -> None:
    try:
        translate_bandersnatch(f"[mirror]\n{name} = {value}\n", "conf", WORLD)
    except ConfigError:
        assert "\n" in value or "\r" in value or not value.isprintable()


def test_an_index_without_files() -> None:
    text = "[mirror]\nroot_uri = https://files.example/\nrelease-files = false\n"
    values = bandersnatch(text).values
    assert (values["files"], values["files_url"]) == (False, "https://files.example/")


def plugin(names: str, sections: str = "") -> Translation:
    return bandersnatch(f"[mirror]\n[plugins]\nenabled =\n    {names}\n{sections}")


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_without_its_section_changes_no_selection(name: str) -> None:
    expected = {**PLAIN, "prereleases": False} if name == "prerelease_release" else PLAIN
    assert plugin(name).values == expected


def test_references_between_options() -> None:
    text = "[mirror]\ndirectory = /srv/pypi\ndiff-file = {{ mirror _ directory }}/diffs\n"
    assert bandersnatch(text).values["change_list"] == "/srv/pypi/diffs"
    assert "refers to" in told(option("diff-file", "{{mirror_nothing}}/x"))["mirror.diff-file"]


def test_names_of_older_versions() -> None:
    sections = "[blacklist]\npackages =\n    evil\n"
    assert plugin("blacklist_project", sections).values["exclude"] == ["evil"]


def test_plugins_of_others_and_sections_without_plugins_are_named() -> None:
    notes = told(
        plugin("my_plugin", "[blocklist]\npackages = x\n[mine]\na=b\n[s3]\nregion_name=x\n")
    )
    assert {"plugins.my_plugin", "blocklist", "mine", "s3"} <= set(notes)


def test_projects_in_requirements_files() -> None:
    sections = "[allowlist]\nrequirements_path = /r\nrequirements =\n    *.txt\n    gone.txt\n"
    named = plugin("project_requirements", sections)
    assert named.values["packages"] == ["foo-x", "bar"]
    assert "gone.txt" in "".join(note.text for note in named.notes)
    pinned = plugin("project_requirements\n    project_requirements_pinned", sections)
    assert pinned.values["packages"] == ["-r /r/a.txt", "-r /r/b.txt"]


def test_allowed_releases_take_the_place_of_names() -> None:
    sections = "[allowlist]\npackages =\n    Foo>=1  # why\n    bar\n    ~~\n"
    assert plugin("allowlist_project", sections).values["packages"] == ["foo", "bar"]
    both = plugin("allowlist_project\n    allowlist_release", sections)
    assert both.values["packages"] == ["foo>=1", "bar"]


def test_metadata_rules() -> None:
    sections = """[regex_project_metadata]
not-null:info.classifiers =
    .*Python :: 3.*
none:info.license = GPL
all:info.project_urls.Homepage = ^https
other.path = x
info.name = (
"""
    translation = plugin("regex_project_metadata", sections)
    assert translation.values["metadata"] == {
        "classifiers": {"any": ["^(?:.*Python :: 3.*)"], "missing": "drop"},
        "license": {"none": ["^(?:GPL)"]},
        "project_urls.Homepage": {"all": ["^https"]},
        "name": {"any": []},
    }
    assert {"regex_project_metadata.other.path", "regex_project_metadata.info.name"} <= set(
        told(translation)
    )


def test_platforms_and_pythons() -> None:
    words = "windows macos py2 py3.5 manylinux2014_aarch64 win_amd64 -manylinux_"
    values = plugin("exclude_platform", f"[blocklist]\nplatforms = {words}\n").values
    assert values["exclude_platforms"] == [
        "windows", "macos", "manylinux2014_aarch64", "win_amd64", "manylinux_*"
    ]  # fmt: skip
    assert len(values["exclude_files"]) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "directory = x", "[mirror", "[other]\na = b"])
def test_what_is_no_configuration_of_bandersnatch(text: str) -> None:
    with pytest.raises(ConfigError, match="conf"):
        bandersnatch(text)


MORGAN = """
[env.a]
python_version = 3.11
python_full_version = 3.11.7
sys_platform = linux
platform_machine = x86_64
platform_tag = {tag}
[requirements]
requests = >=2.0
flask = [async]>=2
flask = ==1.1
many =
    >=1
    [x]<1
any = *
bad = ~~
"""


@pytest.mark.parametrize(
    ("tag", "preset"),
    [
        ("linux-x86_64", "3.11.7-manylinux_2_28_x86_64"),
        (r"manylinux_2_17_x86_64", "3.11.7-manylinux_2_17_x86_64"),
        ("musllinux_1_2_aarch64", "3.11.7-musllinux_1_2_aarch64"),
        ("macosx_12_0_arm64", "3.11.7-macosx_12_0_arm64"),
    ],
)
def test_morgans_requirements_and_environments(tag: str, preset: str) -> None:
    translation = translate_morgan(MORGAN.format(tag=tag), "morgan.ini")
    convert(translation.values, "morgan.ini")
    assert translation.values["packages"] == [
        "requests>=2.0", "flask[async]>=2", "flask==1.1", "many>=1", "many[x]<1", "any"
    ]  # fmt: skip
    assert translation.values["environments"] == {"a": preset}
    assert "requirements.bad" in told(translation)
    assert ("glibc" in told(translation).get("env.a", "")) == tag.startswith("linux")


@pytest.mark.parametrize(
    ("block", "preset"),
    [
        ("sys_platform = win32\nplatform_machine = AMD64\npython_version = 3.12", "cp312-win_amd64"),
        ("sys_platform = darwin\nplatform_machine = arm64\npython_version = 3.12",
         "cp312-macosx_11_0_arm64"),
        ("sys_platform = plan9\npython_version = 3.12", None),
        ("sys_platform = linux\nplatform_machine = x86_64", None),
        (("python_version = 3.9\nimplementation_name = pypy\nsys_platform = win32\n"
         "platform_machine = x86_64"), "pp39-win_amd64"),
        ("sys_platform = win32\nplatform_machine = x86\npython_version = 3.12\nfoo = 1",
         "cp312-win32"),
    ],
)  # fmt: skip
def test_morgans_environments(block: str, preset: str | None) -> None:
    translation = translate_morgan(f"[env.x]\n{block}\n[env.y]\n{block}\n[wat]\na=b", "morgan.ini")
    convert(translation.values, "morgan.ini")
    expected = {"x": preset, "y": preset} if preset else None
    assert translation.values.get("environments") == expected
    notes = told(translation)
    assert "wat" in notes
    assert ("env.x.foo" in notes) == ("foo" in block)
    assert ("env" in notes) == (preset is not None)
