"""Settings of other mirror programs in terms of ours: every option, its notes, no crash."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microrepo.config.load import convert
from microrepo.errors import ConfigError
from microrepo.formats.foreign.bandersnatch_conf import MIRROR_OPTIONS, translate_bandersnatch
from microrepo.formats.foreign.bandersnatch_plugins import PLUGINS
from microrepo.formats.foreign.morgan_ini import translate_morgan
from microrepo.formats.foreign.translation import Lookups, Translation

FILES = {"/r/a.txt": ["Foo_X==1.0", "bar", "~~"], "/r/b.txt": None}


def expand(folder: str, name: str) -> Sequence[str]:
    return [path for path in FILES if path == f"{folder}/{name}" or "*" in name]


WORLD = Lookups(lambda url: "pypi.example" in url, expand, FILES.get)


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
        "license": {"none": ["^(?:GPL)"], "missing": "drop"},
        "project_urls.Homepage": {"all": ["^https"]},
    }
    assert {"regex_project_metadata.other.path", "regex_project_metadata.info.name"} <= set(
        told(translation)
    )


def test_platforms_and_pythons() -> None:
    words = "windows macos py2 py3.5 manylinux2014_aarch64 win_amd64 -manylinux_ solaris"
    translation = plugin("exclude_platform", f"[blocklist]\nplatforms = {words}\n")
    assert translation.values["exclude_platforms"] == ["windows", "macos"]
    (pattern,) = cast("list[str]", translation.values["exclude_files"])
    for name, is_excluded in (
        ("a-1-cp312-cp312-manylinux_2_17_aarch64.manylinux2014_aarch64.whl", True),
        ("a-1-cp312-cp312-musllinux_1_2_x86_64.whl", False),
        ("a-1-cp312-cp312-win_amd64.whl", True),
        ("a-1-cp312-cp312-win32.whl", False),
        ("a-1-py2-none-any.whl", True),
        ("a-1-py2.py3-none-any.whl", True),
        ("a-1-py3.5.egg", True),
        ("a-1-cp35-cp35m-linux_x86_64.whl", True),
        ("a-1-cp27-cp27m-linux_x86_64.whl", False),
        ("win_amd64-1.tar.gz", False),
    ):
        assert bool(re.search(pattern, name)) is is_excluded, name
    assert "solaris" in told(translation)["blocklist.platforms"]


def test_the_newest_releases_keep_the_stable_one() -> None:
    values = plugin("latest_release", "[latest_release]\nkeep = 1\nsort_by = time\n").values
    assert values == {**PLAIN, "versions": 1, "keep_stable": True, "newest_by": "time"}


@pytest.mark.parametrize("section", ["blacklist", "blocklist"])
def test_plugins_where_older_versions_enabled_them(section: str) -> None:
    text = (
        f"[mirror]\n[{section}]\nplugins =\n    blacklist_project\npackages =\n    evil\n    e<2\n"
    )
    translation = bandersnatch(text)
    assert translation.values["exclude"] == ["evil"]
    assert "blocklist.plugins" in told(translation)


ALLOW = "[allowlist]\nrequirements_path = /r\nrequirements = a.txt\npackages =\n    bar>=2\n    foo-x\n    other\n"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("allowlist_project\n    project_requirements", ["bar", "foo-x"]),
        ("allowlist_release\n    project_requirements", ["bar>=2", "foo-x"]),
        ("allowlist_project\n    project_requirements_pinned", ["bar", "foo-x==1.0"]),
        ("allowlist_release\n    project_requirements_pinned", ["bar>=2", "foo-x==1.0"]),
    ],
)
def test_allow_lists_are_intersected(names: str, expected: list[str]) -> None:
    assert plugin(names, ALLOW).values["packages"] == expected


def test_lists_without_entries_are_named() -> None:
    notes = told(plugin("allowlist_release\n    project_requirements_pinned"))
    assert {"plugins.allowlist_release", "plugins.project_requirements_pinned"} <= set(notes)


LIMITS = "[size_project_metadata]\nmax_package_size = 1G\n[versions_count_project_metadata]\nmax_versions = 9\n"


@pytest.mark.parametrize("name", ["size_project_metadata", "versions_count_project_metadata"])
def test_the_allow_list_exempts_from_limits(name: str) -> None:
    limit = {"max_project_size": "1 GiB"} if name.startswith("size") else {"max_versions": 9}
    assert plugin(name, LIMITS).values == {**PLAIN, **limit}
    exempt = plugin(name, ALLOW + LIMITS).values
    assert exempt == {**PLAIN, **limit, "allow": ["*", "bar", "foo-x", "other"]}
    without = plugin(f"allowlist_project\n    {name}", ALLOW + LIMITS)
    assert without.values == {**PLAIN, "packages": ["bar", "foo-x", "other"]}
    assert any("[allowlist]" in note.text for note in without.notes)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("release_file.packagetype = bdist_.*e", {"package_types": ["bdist_egg", "bdist_wheel"]}),
        ("none:release_file.packagetype =\n    bdist_\n    x", {"package_types": ["sdist"]}),
        ("all:release_file.packagetype =\n    bdist\n    .*egg", {"package_types": ["bdist_egg"]}),
        ("release_file.packagetype = .*", {}),
        ("search = true\nrelease_file.packagetype = wh", {"package_types": ["bdist_wheel"]}),
        ("release_file.filename = (?i)A|b", {"allow_files": ["^(?i:A|b)"]}),
        (
            "all:release_file.filename =\n    a\n    .*b",
            {"allow_files": ["^(?=(?:^(?:a)))(?=(?:^(?:.*b)))"]},
        ),
        ("none:release_file.filename = a", {"exclude_files": ["^(?:a)"]}),
    ],
)
def test_rules_on_types_and_names_of_files(rules: str, expected: dict[str, object]) -> None:
    section = f"[regex_release_file_metadata]\n{rules}\n"
    assert plugin("regex_release_file_metadata", section).values == {**PLAIN, **expected}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{{mirror_directory}}/mirrored-files", "/srv/pypi/changes"),
        ("/srv/pypi/simple/x.txt", "/srv/pypi/changes"),
        ("/srv/pypi/diffs/new.txt", "/srv/pypi/diffs"),
        ("/srv/pypi", "/srv/pypi/changes"),
    ],
)
def test_lists_of_changes_lie_beside_the_files(value: str, expected: str) -> None:
    text = f"[mirror]\ndiff-file = {value}\ndirectory = /srv/pypi\n"
    translation = bandersnatch(text)
    assert translation.values["change_list"] == expected
    assert "mirror.diff-file" in told(translation)


@pytest.mark.parametrize("text", ["", "directory = x", "[mirror", "[other]\na = b"])
def test_what_is_no_configuration_of_bandersnatch(text: str) -> None:
    with pytest.raises(ConfigError, match="conf"):
        bandersnatch(text)


MORGAN = """
[env.a]
python_version = 3.11
python_full_version = 3.11.7
sys_platform = {system}
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
    ("system", "tag", "preset"),
    [
        ("linux", "linux-x86_64", "3.11.7-manylinux_2_28_x86_64"),
        ("linux", ".*", "3.11.7-manylinux_2_28_x86_64"),
        ("linux", "manylinux_2_17_x86_64", "3.11.7-manylinux_2_17_x86_64"),
        ("linux", "manylinux2014_x86_64", "3.11.7-manylinux_2_17_x86_64"),
        ("linux", ".*(manylinux_2_17_x86_64|win32)", "3.11.7-manylinux_2_17_x86_64"),
        ("linux", "musllinux_1_2_aarch64", "3.11.7-musllinux_1_2_aarch64"),
        ("darwin", "macosx_12_0_arm64", "3.11.7-macosx_12_0_arm64"),
        ("win32", "win_amd64", "3.11.7-win_amd64"),
    ],
)
def test_morgans_requirements_and_environments(system: str, tag: str, preset: str) -> None:
    translation = translate_morgan(MORGAN.format(tag=tag, system=system), "morgan.ini")
    convert(translation.values, "morgan.ini")
    assert translation.values["packages"] == [
        "requests>=2.0", "flask[async]>=2", "flask==1.1", "many>=1", "many[x]<1", "any"
    ]  # fmt: skip
    assert translation.values["environments"] == {"a": preset}
    assert "requirements.bad" in told(translation)
    assert ("glibc" in told(translation).get("env.a", "")) is preset.endswith("2_28_x86_64")
    is_pattern = not re.fullmatch(r"\w+", tag)
    assert ("env.a.platform_tag" in told(translation)) is is_pattern


@pytest.mark.parametrize(
    ("more", "option"),
    [
        ("sys_platform = freebsd14\nplatform_machine = amd64", "env.x.sys_platform"),
        ("sys_platform = emscripten\nplatform_tag = .*", "env.x.sys_platform"),
        ("sys_platform = cygwin\nplatform_tag = win_amd64", "env.x.sys_platform"),
        ("sys_platform = linux\nplatform_tag = win_amd64", "env.x.sys_platform"),
        ("sys_platform = win32\nplatform_machine = ia64", "env.x.sys_platform"),
        ("platform_machine = x86_64", "env.x"),
    ],
)
def test_morgans_platforms_without_a_preset(more: str, option: str) -> None:
    block = f"[env.x]\npython_version = 3.12\n{more}\n"
    with pytest.raises(ConfigError, match=option):
        translate_morgan(block, "morgan.ini")
    other = "[env.y]\npython_version = 3.12\nplatform_tag = win32\n"
    translation = translate_morgan(block + other, "morgan.ini")
    assert translation.values["environments"] == {"y": "cp312-win32"}
    assert option in told(translation)


@pytest.mark.parametrize(
    ("marker", "value"),
    [
        ("os_name", "nt"),
        ("platform_system", "Darwin"),
        ("platform_python_implementation", "PyPy"),
        ("python_version", "3.9"),
    ],
)
def test_morgans_markers_that_contradict_the_preset(marker: str, value: str) -> None:
    block = (
        f"python_full_version = 3.12.1\nplatform_tag = manylinux_2_28_x86_64\n{marker} = {value}"
    )
    translation = translate_morgan(f"[env.x]\n{block}\n", "morgan.ini")
    assert f"env.x.{marker}" in told(translation)


@pytest.mark.parametrize(
    ("block", "preset"),
    [
        ("sys_platform = win32\nplatform_machine = AMD64\npython_version = 3.12", "cp312-win_amd64"),
        ("sys_platform = darwin\nplatform_machine = arm64\npython_version = 3.12",
         "cp312-macosx_11_0_arm64"),
        (("python_version = 3.9\nimplementation_name = pypy\nsys_platform = win32\n"
         "platform_machine = x86_64"), "pp39-win_amd64"),
        ("sys_platform = win32\nplatform_machine = x86\npython_version = 3.12\nfoo = 1",
         "cp312-win32"),
    ],
)  # fmt: skip
def test_morgans_environments(block: str, preset: str) -> None:
    translation = translate_morgan(f"[env.x]\n{block}\n[env.y]\n{block}\n[wat]\na=b", "morgan.ini")
    convert(translation.values, "morgan.ini")
    assert translation.values["environments"] == {"x": preset, "y": preset}
    notes = told(translation)
    assert "wat" in notes
    assert ("env.x.foo" in notes) == ("foo" in block)
    assert "env" in notes


def test_values_that_every_section_inherits() -> None:
    text = (
        "[DEFAULT]\nbase = /srv\npackages = evil\n[mirror]\ndirectory = %(base)s/pypi\n"
        "[plugins]\nenabled = blocklist_project\n[blocklist]\n"
    )
    translation = bandersnatch(text)
    assert translation.values["repository"] == "/srv/pypi"
    assert translation.values["exclude"] == ["evil"]
    assert not {"DEFAULT", "mirror.base"} & told(translation).keys()


def test_what_inherited_values_are_for_morgan() -> None:
    text = (
        "[DEFAULT]\npython_version = 3.11\nplatform_tag = manylinux_2_17_x86_64\nlast = 7\n"
        "[env.a]\npython_full_version = %(python_version)s.%(last)s\n[requirements]\nx =\n"
    )
    translation = translate_morgan(text, "morgan.ini")
    assert translation.values["environments"] == {"a": "3.11.7-manylinux_2_17_x86_64"}
    assert translation.values["packages"] == ["x"]
    assert "env.a.last" not in told(translation)


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("directory = %(nothing)s/pypi", "mirror.directory"),
        ("json = true", "mirror.directory"),
        ("Workers = 4", "mirror.Workers"),
        ("timeout = never", "mirror.timeout"),
        (
            "[plugins]\nenabled = latest_release\n[latest_release]\nkeep = 2\nsort_by = upload",
            "latest_release.sort_by",
        ),
    ],
)
def test_odd_values_are_named(text: str, about: str) -> None:
    assert about in told(bandersnatch(f"[mirror]\n{text}\n"))


def test_a_timeout_can_be_a_fraction() -> None:
    assert option("timeout", "10.5").values["timeout_s"] == 10.5
    assert option("timeout", "10.0").values["timeout_s"] == 10


def test_a_list_that_only_exempts_has_an_effect() -> None:
    sections = "[size_project_metadata]\nmax_package_size = 1G\n[allowlist]\npackages = big\n"
    assert "allowlist" not in told(plugin("size_project_metadata", sections))
