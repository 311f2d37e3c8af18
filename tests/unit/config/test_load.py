"""Where settings come from, and the words for each mistake."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from microrepo.config.declared_options import KEYS
from microrepo.config.load import (
    SYSTEM_CONFIG,
    convert,
    expand,
    find_config,
    load,
    read_file,
    shown,
)
from microrepo.config.schema import SourceEntry
from microrepo.errors import ConfigError

RUNNING_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# As the old README printed it, once its two commas are mended.
OLD_CONFIG = """{
    "processes":4,
    "repository":"/srv/python",
    "package_types":["bdist_egg","bdist_wheel","sdist"],
    "extensions":["bz2","egg","gz","tgz","whl","zip"],
    "python_versions":["2.7","any","cp27","py2","py2.py3","py27","source"]
}
"""


def write(folder: Path, text: str | bytes, name: str = "config.json") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def message(folder: Path, text: str | bytes) -> str:
    """The error that a config file ends in, without the file's path."""
    path = write(folder, text)
    with pytest.raises(ConfigError) as caught:
        load(path, {}, {})
    shown_text = str(caught.value)
    assert shown_text.startswith(f"{path}: ")
    return shown_text.removeprefix(f"{path}: ")


# --- which file ---------------------------------------------------------------------------------------


def test_the_flag_goes_before_the_variable() -> None:
    assert find_config("/a.json", {"MICROREPO_CONFIG": "/b.json"}) == Path("/a.json")


def test_the_variable_goes_before_the_usual_places() -> None:
    assert find_config(None, {"MICROREPO_CONFIG": "/b.json"}) == Path("/b.json")


@pytest.mark.skipif(SYSTEM_CONFIG.exists(), reason="this machine has a config file of its own")
def test_the_usual_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_config(None, {}) == tmp_path / ".microrepo"


def test_the_home_directory_in_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_config("~/c.json", {}) == tmp_path / "c.json"


def test_the_home_directory_of_nobody() -> None:
    with pytest.raises(ConfigError, match="home directory not found"):
        find_config("~no-such-user/c.json", {})


# --- layers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("in_file", "variables", "flags", "expected", "origin"),
    [
        pytest.param({}, {}, {}, None, "default", id="default"),
        pytest.param({"connections": 1}, {}, {}, 1, "{path}", id="file over default"),
        pytest.param(
            {"connections": 1},
            {"MICROREPO_CONNECTIONS": "2"},
            {},
            2,
            "MICROREPO_CONNECTIONS",
            id="environment over file",
        ),
        pytest.param(
            {"connections": 1},
            {"MICROREPO_CONNECTIONS": "2"},
            {"connections": 3},
            3,
            "--connections",
            id="flag over all",
        ),
    ],
)
def test_layers(
    tmp_path: Path,
    in_file: dict[str, Any],
    variables: dict[str, str],
    flags: dict[str, object],
    expected: int | None,
    origin: str,
) -> None:
    path = write(tmp_path, json.dumps(in_file))
    loaded = load(path, flags, variables)
    assert loaded.config.connections == expected
    assert loaded.origins["connections"] == origin.format(path=path)


def test_without_a_file() -> None:
    loaded = load(None, {}, {})
    assert (loaded.path, loaded.base) == (None, Path.cwd())
    assert set(loaded.origins.values()) == {"default"}


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        pytest.param("PYTHON_VERSIONS", "3.11", ["3.11"], id="one Python is no number"),
        pytest.param("PYTHON_VERSIONS", "3.10, 3.11", ["3.10", "3.11"], id="two Pythons"),
        pytest.param("PYTHON_VERSIONS", "all", "all", id="all Pythons"),
        pytest.param("PLATFORMS", "any,win*", ["any", "win*"], id="platforms"),
        pytest.param("EXTENSIONS", '["whl"]', ["whl"], id="a list as JSON"),
        pytest.param("EXCLUDE", "a-*,b", ["a-*", "b"], id="exclusions"),
        pytest.param("PACKAGES", "flask", ["flask"], id="one requirement"),
        pytest.param("PACKAGES", "numpy>=1.26,<3", ["numpy>=1.26,<3"], id="with a comma"),
        pytest.param("PACKAGES", '["a", "b"]', ["a", "b"], id="several requirements as JSON"),
        pytest.param("PACKAGES", "everything", "everything", id="everything"),
        pytest.param("VERSIONS", "3", 3, id="number"),
        pytest.param("VERSIONS", "all", "all", id="word"),
        pytest.param("PRERELEASES", "true", True, id="yes or no"),
        pytest.param("MAX_FILE_SIZE", "500 MB", "500 MB", id="size"),
        pytest.param("MAX_FILE_SIZE", "500", 500, id="size in bytes"),
        pytest.param("CONTACT", "42", "42", id="text that looks like a number"),
        pytest.param("SOURCE", "null", "null", id="text that looks like JSON"),
        pytest.param("ENVIRONMENTS", '["cp312-win32"]', ["cp312-win32"], id="environments"),
        pytest.param("TIMEOUT_S", "1.5", 1.5, id="fraction"),
    ],
)
def test_variable(variable: str, text: str, expected: object) -> None:
    config = load(None, {}, {f"MICROREPO_{variable}": text}).config
    assert getattr(config, variable.lower()) == expected


def test_variable_with_a_wrong_value() -> None:
    with pytest.raises(ConfigError, match=r"\$\.prune: Expected `bool`"):
        load(None, {}, {"MICROREPO_PRUNE": "perhaps"})


def test_shown_settings_have_value_and_origin() -> None:
    found = shown(load(None, {"connections": 3}, {}))
    assert tuple(found) == KEYS
    assert found["connections"] == {"value": 3, "origin": "--connections"}


# --- completion ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "key", "expected"),
    [
        pytest.param({}, "processes", os.cpu_count() or 1, id="processes"),
        pytest.param({}, "python_versions", [RUNNING_PYTHON], id="python"),
        pytest.param({"packages": ["a"]}, "dependencies", True, id="named: with dependencies"),
        pytest.param({"packages": "everything"}, "dependencies", False, id="everything: without"),
        pytest.param(
            {"packages": ["a"], "dependencies": False}, "dependencies", False, id="as it is said"
        ),
    ],
)
def test_what_depends_on_the_machine_is_filled_in(
    values: dict[str, object], key: str, expected: object
) -> None:
    assert getattr(load(None, values, {}).config, key) == expected


@pytest.mark.parametrize("key", ["repository", "ca_bundle", "client_cert", "lock"])
def test_path_in_the_file_is_relative_to_it(tmp_path: Path, key: str) -> None:
    path = write(tmp_path, json.dumps({key: "there"}))
    assert getattr(load(path, {}, {}).config, key) == str(tmp_path / "there")


def test_path_in_a_flag_is_relative_to_the_working_directory(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps({"repository": "there", "ca_bundle": "ca.pem"}))
    config = load(path, {"repository": "here"}, {}).config
    assert (config.repository, config.ca_bundle) == (str(Path.cwd() / "here"), f"{tmp_path}/ca.pem")


def test_path_in_a_linked_file_is_relative_to_the_real_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    path = write(tmp_path / "real", json.dumps({"repository": "there"}))
    link = tmp_path / "link.json"
    link.symlink_to(path)
    assert load(link, {}, {}).config.repository == str(tmp_path / "real" / "there")


def test_requirements_files_are_relative_to_where_packages_stand(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps({"packages": ["-r a.txt"]}))
    assert load(path, {}, {}).base == tmp_path
    assert load(path, {"packages": ["-r a.txt"]}, {}).base == Path.cwd()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("~/m", "/home/ann/m", id="home"),
        pytest.param("$PLACE/m", "/srv/m", id="variable"),
        pytest.param("${PLACE}x", "/srvx", id="variable in braces"),
        pytest.param("$NOT_SET/m", "/base/$NOT_SET/m", id="variable that is not set"),
        pytest.param("m/n", "/base/m/n", id="relative"),
        pytest.param("/m", "/m", id="absolute"),
        pytest.param("mit Leerzeichen/包", "/base/mit Leerzeichen/包", id="spaces and Unicode"),
    ],
)
def test_expansion(monkeypatch: pytest.MonkeyPatch, text: str, expected: str) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setenv("PLACE", "/srv")
    monkeypatch.delenv("NOT_SET", raising=False)
    assert expand(text, Path("/base")) == Path(expected)


def test_repository_in_the_home_of_nobody() -> None:
    with pytest.raises(ConfigError, match="~no-such-user/m: home directory not found"):
        load(None, {"repository": "~no-such-user/m"}, {})


# --- the original program's files ---------------------------------------------------------------------


def test_old_config_works_unchanged(tmp_path: Path) -> None:
    config = load(write(tmp_path, OLD_CONFIG), {}, {}).config
    assert config.processes == 4
    assert config.repository == "/srv/python"
    assert config.package_types == ["bdist_egg", "bdist_wheel", "sdist"]
    assert config.extensions == ["bz2", "egg", "gz", "tgz", "whl", "zip"]
    assert config.python_versions == ["2.7", "any", "cp27", "py2", "py2.py3", "py27", "source"]


def test_old_config_with_its_missing_comma(tmp_path: Path) -> None:
    text = message(tmp_path, OLD_CONFIG.replace('"/srv/python",', '"/srv/python"'))
    assert text == (
        "line 4 column 5: Expecting ',' delimiter; a comma is missing at the end of line 3"
    )


def test_old_config_with_its_comma_too_many(tmp_path: Path) -> None:
    text = message(tmp_path, OLD_CONFIG.replace('"source"]', '"source"],'))
    assert text.startswith(("line 7 column 1: ", "line 6 "))
    assert text.endswith("remove the comma before '}'")


# --- broken files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        pytest.param(
            '{"a": [1, 2,]}', "line 1 column 1", "remove the comma before ']'", id="in a list"
        ),
        pytest.param("{'a': 1}", "line 1 column 2", 'use double quotes (")', id="quotes"),
        pytest.param('{"a": 1', "line 1 column 8", "at the end of line 1", id="left open"),
        pytest.param("", "line 1 column 1", "Expecting value", id="empty"),
        pytest.param('{"a": tru}', "line 1 column 7", "Expecting value", id="no value"),
        pytest.param(b'{"a": "\xff"}', "cannot be read", "invalid start byte", id="no UTF-8"),
        pytest.param("[]", "must be a JSON object", "not list", id="a list"),
        pytest.param("3", "must be a JSON object", "not int", id="a number"),
        pytest.param("[" * 200_000, "cannot be read", "", id="deeply nested"),
        pytest.param("9" * 5000, "cannot be read", "", id="a number beyond bounds"),
    ],
)
def test_broken_file(tmp_path: Path, text: str | bytes, start: str, end: str) -> None:
    found = message(tmp_path, text)
    assert found.startswith(start)
    assert found.endswith(end) or end in found


def test_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    assert read_file(write(tmp_path, b'\xef\xbb\xbf{"prune": false}')) == {"prune": False}


def test_folder_as_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: .*directory"):
        read_file(tmp_path)


# --- wrong settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        pytest.param(
            {"procesess": 2}, "$.procesess: unknown key; did you mean 'processes'?", id="misspelt"
        ),
        pytest.param(
            {"python-versions": []},
            "$.python-versions: unknown key; did you mean 'python_versions'?",
            id="dash",
        ),
        pytest.param(
            {"zzz": 1}, "$.zzz: unknown key; `microrepo config` lists the keys", id="unknown"
        ),
        pytest.param({"": 1}, "$.: unknown key", id="empty key"),
        pytest.param({"processes": "2"}, "$.processes: Expected `int | null`", id="text"),
        pytest.param({"processes": 0}, "$.processes: Expected `int` >= 1", id="too small"),
        pytest.param({"processes": 257}, "$.processes: Expected `int` <= 256", id="too large"),
        pytest.param({"processes": True}, "$.processes: Expected `int | null`", id="a boolean"),
        pytest.param({"connections": 1.5}, "$.connections: Expected `int | null`", id="fraction"),
        pytest.param({"platforms": ["a", "b", 3]}, "$.platforms[2]: Expected `str`", id="item"),
        pytest.param({"platforms": ["any", " "]}, "$.platforms[1]: is empty", id="empty item"),
        pytest.param(
            {"extensions": "whl"},
            '$.extensions: \'whl\' is neither "all" nor a list; write ["whl"]',
            id="a word for a list",
        ),
        pytest.param(
            {"python_versions": "3.11, 3.12"},
            '$.python_versions: \'3.11, 3.12\' is neither "all" nor a list; write ["3.11", "3.12"]',
            id="words for a list",
        ),
        pytest.param(
            {"packages": "flask"},
            '$.packages: \'flask\' is neither "everything" nor a list; write ["flask"]',
            id="a requirement for a list",
        ),
        pytest.param({"packages": ["a", ""]}, "$.packages[1]: is empty", id="empty requirement"),
        pytest.param({"exclude": "a"}, "$.exclude: Expected `array`", id="exclude"),
        pytest.param(
            {"resolve": "newest"}, "$.resolve: 'newest' is not one of solve, latest, all", id="word"
        ),
        pytest.param(
            {"removed": "hide"},
            "$.removed: 'hide' is not one of delete, keep, quarantine",
            id="removed",
        ),
        pytest.param({"api": "xml"}, "$.api: 'xml' is not one of json, simple", id="api"),
        pytest.param({"versions": 0}, "$.versions: Expected `int` >= 1", id="no versions"),
        pytest.param({"versions": "newest"}, "$.versions: 'newest' is not", id="versions"),
        pytest.param({"max_file_size": "5 X"}, "$.max_file_size: '5 X' is not a size", id="size"),
        pytest.param(
            {"min_free_space": None}, "$.min_free_space: Expected `int | str`", id="null size"
        ),
        pytest.param({"bandwidth": "fast"}, "$.bandwidth: 'fast' is not a size", id="bandwidth"),
        pytest.param({"max_deletes": -1}, "$.max_deletes: Expected `int` >= 0", id="deletes"),
        pytest.param({"max_deletes": "200 %"}, "$.max_deletes: '200 %' is neither", id="share"),
        pytest.param(
            {"uploaded_before": "tomorrow"},
            "$.uploaded_before: 'tomorrow' is not a date or time",
            id="date",
        ),
        pytest.param(
            {"uploaded_before": "0001-01-01T00:00:00+14:00"},
            "$.uploaded_before: '0001-01-01T00:00:00+14:00' is not a date or time",
            id="date before the first year",
        ),
        pytest.param({"min_age_days": -1}, "$.min_age_days: Expected `float` >= 0", id="age"),
        pytest.param(
            {"min_age_days": float("nan")}, "$.min_age_days: Expected `float`", id="no number"
        ),
        pytest.param(
            {"min_age_days": float("inf")}, "$.min_age_days: Expected `float` <=", id="infinity"
        ),
        pytest.param({"timeout_s": 0}, "$.timeout_s: Expected `float` > 0", id="timeout"),
        pytest.param({"retries": 101}, "$.retries: Expected `int` <= 100", id="retries"),
        pytest.param({"prune": "yes"}, "$.prune: Expected `bool`", id="yes"),
        pytest.param({"repository": ""}, "$.repository: is empty", id="empty path"),
        pytest.param({"repository": "a\0b"}, "$.repository: 'a\\x00b' cannot be a path", id="nul"),
        pytest.param(
            {"ca_bundle": "\ud800"}, "$.ca_bundle: '\\ud800' cannot be a path", id="surrogate"
        ),
        pytest.param({"processes": "\ud800"}, "$: half a surrogate pair: '\\ud800'", id="half"),
        pytest.param(
            {"environments": {"lab": 3}}, "$.environments[...]: Expected `str | object`", id="env"
        ),
    ],
)
def test_wrong_setting(values: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        convert(values, "config.json")
    assert str(caught.value).startswith(f"config.json: {words}")


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-31",
        "2026-05-31T12:00:00Z",
        "2026-05-31T12:00:00z",
        "2026-05-31 12:00",
        "2026-05-31T12:00:00+02:00",
        " 2026-05-31 ",
    ],
)
def test_date_that_is_taken(text: str) -> None:
    assert convert({"uploaded_before": text}, "x").uploaded_before == text


def test_sources_in_a_variable() -> None:
    table = '[{"url": "https://a:secret@m.example/simple/", "packages": ["x"]}, "pypi"]'
    loaded = load(None, {}, {"MICROREPO_SOURCES": table})
    assert loaded.config.sources == [
        SourceEntry("https://a:secret@m.example/simple/", packages=["x"]),
        "pypi",
    ]
    assert "secret" not in str(shown(loaded))
    assert load(
        None, {}, {"MICROREPO_SOURCES": "https://m.example/simple/, pypi"}
    ).config.sources == [
        "https://m.example/simple/",
        "pypi",
    ]


@pytest.mark.parametrize(
    ("sources", "why"),
    [
        ([{"url": "pypi", "merged": ["torch"]}, "https://m.example/"], "only 'pypi' has `merged`"),
        (
            [{"url": "https://a:secret@m.example/", "merged": ["torch"]}, "pypi"],
            "only 'm.example/' has `merged`",
        ),
        (
            [{"url": "pypi", "merged": ["x"]}, {"url": "https://m.example/", "merged": ["re:("]}],
            r"sources\[1\]\.merged\[0\]: 're:\(' is not a pattern",
        ),
        (
            [{"url": "pypi", "merged": [" "]}, {"url": "https://m.example/", "merged": ["x"]}],
            r"sources\[0\]\.merged\[0\]: is empty",
        ),
    ],
)
def test_merged_projects_that_cannot_be_merged(sources: list[object], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        convert({"sources": sources}, "x")


# --- the preset of settings about trust ---------------------------------------------------------------


def test_strict_sets_the_defaults_of_the_settings_about_trust() -> None:
    config = convert({"security": "strict"}, "x")
    values = (config.trust_policy, config.vulnerabilities, config.min_age_days)
    assert values == ("no-downgrade", "refuse", 3)
    assert (config.substitution, config.confusable_names) == ("refuse", "refuse")
    plain = convert({}, "x")
    assert (plain.trust_policy, plain.vulnerabilities, plain.min_age_days) == ("off", "ignore", 0)


def test_a_setting_that_is_given_takes_precedence_over_the_preset(tmp_path: Path) -> None:
    path = write(tmp_path, '{"security": "strict", "min_age_days": 0}')
    loaded = load(path, {"vulnerabilities": "report"}, {"MICROREPO_TRUST_POLICY": "off"})
    config = loaded.config
    assert (config.trust_policy, config.vulnerabilities, config.min_age_days) == (
        "off",
        "report",
        0,
    )
    assert loaded.origins["min_age_days"] == str(path)


def test_the_origin_of_a_default_of_the_preset_is_shown() -> None:
    origins = load(None, {"security": "strict"}, {}).origins
    assert origins["trust_policy"] == "security strict"
    assert origins["versions"] == "default"


def test_a_wrong_preset_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'strict'"):
        convert({"security": "strikt"}, "x")
