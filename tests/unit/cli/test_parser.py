"""The arguments: one flag for each option, global ones everywhere, handlers that exist."""

from __future__ import annotations

import argparse
import importlib
import json
from typing import Any

import pytest

from microrepo.cli.parser.command_line import build_parser
from microrepo.cli.parser.command_parser import CommandParser
from microrepo.cli.parser.setting_flags import add_settings, flags_of
from microrepo.config.declared_options import KEYS
from microrepo.config.load import load
from microrepo.errors import ConfigError

PARSER = build_parser()


def commands() -> dict[str, argparse.ArgumentParser]:
    for action in PARSER._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                command.complete()
            return dict(action.choices)
    raise AssertionError("no commands")


def flags(*arguments: str, command: str = "refresh") -> dict[str, object]:
    return flags_of(PARSER.parse_args([command, *arguments]))


VALUES: dict[str, list[tuple[list[str], object]]] = {
    "repository": [(["/srv/p"], "/srv/p")],
    "processes": [(["4"], 4)],
    "connections": [(["20"], 20)],
    "package_types": [(["sdist, bdist_wheel"], ["sdist", "bdist_wheel"]), (["all"], "all")],
    "extensions": [(["whl,gz"], ["whl", "gz"])],
    "python_versions": [
        (["3.11"], ["3.11"]),
        (["3.11,3.12"], ["3.11", "3.12"]),
        (["all"], "all"),
    ],  # the latter is refused
    "platforms": [(["any,manylinux*"], ["any", "manylinux*"])],
    "variants": [(["null,x86_64_v*"], ["null", "x86_64_v*"]), (["all"], "all")],
    "exclude_platforms": [(["windows,macosx_*"], ["windows", "macosx_*"])],
    "requires_python": [(["3.9,3.12"], ["3.9", "3.12"])],
    "packages": [
        (["flask"], ["flask"]),
        (["flask,numpy>=1.26,<3"], ["flask", "numpy>=1.26,<3"]),
        (["a @ https://h.example/a,b.whl"], ["a @ https://h.example/a,b.whl"]),
        (["a[x,y]>=1, <3 , b"], ["a[x,y]>=1, <3", "b"]),
        (["everything"], "everything"),
    ],
    "exclude": [(["*-nightly,numpy<1.20"], ["*-nightly", "numpy<1.20"])],
    "allow": [(["re:^a,b"], ["re:^a,b"])],
    "allow_files": [(["a{1,2}"], ["a{1,2}"])],
    "exclude_files": [(["cp2\\d-"], ["cp2\\d-"])],
    "allow_releases": [(["^1"], ["^1"])],
    "exclude_releases": [(["dev"], ["dev"])],
    "metadata": [(['{"license": {"none": ["GPL"]}}'], {"license": {"none": ["GPL"]}})],
    "max_project_size": [(["20 GB"], "20 GB")],
    "min_versions": [(["2"], 2)],
    "max_versions": [(["500"], 500)],
    "vulnerabilities": [(["refuse"], "refuse"), (["quarantine"], "quarantine")],
    "min_age_security_exempt": [([], True)],
    "min_age_unknown": [(["first-seen"], "first-seen")],
    "malware": [(["report"], "report")],
    "advisories": [(["https://osv.example/PyPI/all.zip"], "https://osv.example/PyPI/all.zip")],
    "advisories_max_age": [(["3"], 3), (["P3D"], "P3D")],
    "ignore_advisories": [(["CVE-1,CVE-2"], ["CVE-1", "CVE-2"])],
    "rules": [
        (["licences,age"], ["licences", "age"]),
        (['{"age": {"days": 3}}'], {"age": {"days": 3}}),
    ],
    "dependencies": [([], True)],
    "project_status": [([], True)],
    "environments": [
        (["cp312-win_amd64,cp311-win32"], ["cp312-win_amd64", "cp311-win32"]),
        (['["cp312-win_amd64"]'], ["cp312-win_amd64"]),
        (['{"lab": "cp312-win_amd64"}'], {"lab": "cp312-win_amd64"}),
    ],
    "resolve": [(["latest"], "latest")],
    "build_requirements": [([], True)],
    "allow_urls": [([], True)],
    "lock": [(["locks"], "locks")],
    "scan": [(["scan --quick"], ["scan", "--quick"])],
    "scan_timeout_s": [(["30"], 30)],
    "profiles": [(['{"a": {}}'], {"a": {}})],
    "snapshots": [(["12"], 12)],
    "store": [(["store"], "store")],
    "versions": [(["latest"], "latest"), (["3"], 3), (["all"], "all")],
    "newest_by": [(["time"], "time")],
    "keep_stable": [([], True)],
    "prereleases": [([], True)],
    "yanked": [([], True)],
    "uploaded_before": [(["2026-05-31"], "2026-05-31")],
    "security": [(["strict"], "strict")],
    "provenance": [(["keep"], "keep")],
    "trusted_root": [(["/a/root.json"], "/a/root.json")],
    "trust_policy": [(["no-downgrade"], "no-downgrade")],
    "trust_exceptions": [(["foo,bar==1"], ["foo", "bar==1"])],
    "substitution": [(["refuse"], "refuse")],
    "reserved_names": [(["acme-*,x"], ["acme-*", "x"]), (['{"a": "in"}'], {"a": "in"})],
    "confusable_names": [(["ignore"], "ignore")],
    "trusted_names": [(["foo,acme-*"], ["foo", "acme-*"])],
    "trust_lookback_days": [(["30.5"], 30.5)],
    "min_age_days": [(["7"], 7), (["0.5"], 0.5), (["P3D"], "P3D")],
    "min_age_exempt": [(["foo,bar==1"], ["foo", "bar==1"])],
    "max_file_size": [(["500 MB"], "500 MB"), (["500"], 500)],
    "max_total_size": [(["2 GiB"], "2 GiB")],
    "over_budget": [(["evict"], "evict")],
    "allowed_signers": [(["signers"], "signers")],
    "min_free_space": [(["0"], 0)],
    "prune": [([], True)],
    "max_deletes": [(["25"], 25), (["50 %"], "50 %")],
    "removed": [(["keep"], "keep")],
    "simple": [([], True)],
    "server": [([], True)],
    "browse": [([], True)],
    "files": [([], True)],
    "files_url": [(["https://f.example/"], "https://f.example/")],
    "source": [(["https://m.example/simple/"], "https://m.example/simple/")],
    "sources": [
        (["https://m.example/simple/,pypi"], ["https://m.example/simple/", "pypi"]),
        (['[{"url": "pypi", "packages": ["a"]}]'], [{"url": "pypi", "packages": ["a"]}]),
    ],
    "file_host": [(["https://f.example/"], "https://f.example/")],
    "file_host_fallback": [([], True)],
    "api": [(["simple"], "simple")],
    "transport": [(["libcurl"], "libcurl")],
    "max_document_size": [(["256 MB"], "256 MB")],
    "requests_per_second": [(["2.5"], 2.5)],
    "bandwidth": [(["10 MB"], "10 MB")],
    "contact": [(["a@b.example"], "a@b.example")],
    "proxy": [(["http://p.example:3128"], "http://p.example:3128")],
    "ca_bundle": [(["ca.pem"], "ca.pem")],
    "client_cert": [(["me.pem"], "me.pem")],
    "timeout_s": [(["1.5"], 1.5)],
    "retries": [(["0"], 0)],
    "allow_http": [([], True)],
    "internal_hosts": [(["a.example,10.0.0.1"], ["a.example", "10.0.0.1"])],
    "require_digests": [([], True)],
    "change_list": [(["lists"], "lists")],
    "change_list_history": [([], True)],
    "max_age": [(["P40D"], "P40D"), (["2"], 2.0)],
    "metrics_file": [(["a/b.prom"], "a/b.prom")],
    "hook": [(["notify 'x y' -v"], ["notify", "x y", "-v"]), (['["a", "b c"]'], ["a", "b c"])],
    "hook_timeout_s": [(["2.5"], 2.5)],
}
EVERY_VALUE = [
    pytest.param(key, words, expected, id=f"{key} {' '.join(words)}")
    for key, values in VALUES.items()
    for words, expected in values
]


def test_a_word_for_everything_includes_what_earlier_flags_named() -> None:
    assert flags("--python-versions", "3.11", "--python-versions", "all") == {
        "python_versions": "all"
    }
    assert flags("--packages", "a,b", "--packages", "everything") == {"packages": "everything"}
    behind = flags("--python-versions", "all", "--python-versions", "3.11")
    with pytest.raises(ConfigError, match="includes everything else"):
        load(None, behind, {})


@pytest.mark.parametrize(("key", "words", "expected"), EVERY_VALUE)
def test_flag_of_an_option(key: str, words: list[str], expected: object) -> None:
    found = flags("--" + key.replace("_", "-"), *words)
    assert found == {key: expected}
    load(None, found, {})


@pytest.mark.parametrize(
    "key", [key for key, [(words, expected), *_] in VALUES.items() if expected is True]
)
def test_flag_that_says_no(key: str) -> None:
    assert flags("--no-" + key.replace("_", "-")) == {key: False}


def test_every_option_is_tried_here() -> None:
    assert set(VALUES) == set(KEYS)


@pytest.mark.parametrize(
    "command", ["refresh", "init", "config", "verify", "prune", "explain", "delete"]
)
def test_commands_that_take_every_option(command: str) -> None:
    known = set(commands()[command]._option_string_actions)
    assert {"--" + key.replace("_", "-") for key in KEYS} <= known


def test_nothing_is_set_that_was_not_given() -> None:
    assert flags() == {}


def test_values_may_stand_behind_an_equals_sign() -> None:
    assert flags("--max-deletes=5", "--packages=a", "--packages=b") == {
        "max_deletes": 5,
        "packages": ["a", "b"],
    }


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["refresh", "--processes", "many"], id="no number"),
        pytest.param(["refresh", "--processes"], id="value missing"),
        pytest.param(["refresh", "--environments", "{"], id="broken JSON"),
        pytest.param(["refresh", "--metadata", "{"], id="broken JSON of a table"),
        pytest.param(["refresh", "--proc", "4"], id="shortened"),
        pytest.param(["refresh", "--no-such-flag"], id="unknown flag"),
        pytest.param(["no-such-command"], id="unknown command"),
        pytest.param(["delete"], id="argument missing"),
        pytest.param(["schedule", "--install", "--remove"], id="both at once"),
        pytest.param(["schedule", "--kind", "at"], id="unknown kind"),
    ],
)
def test_wrong_arguments_are_usage_errors(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        PARSER.parse_args(arguments)
    assert caught.value.code == 2
    shown = capsys.readouterr().err.splitlines()
    assert shown[0].startswith("microrepo: error: ")
    assert shown[-1].startswith("For help: microrepo")
    assert len(shown) in {2, 3}


# --- commands -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", commands())
def test_handler_of_a_command_exists(name: str) -> None:
    module, _, function = commands()[name].get_default("handler").partition(":")
    handlers = importlib.import_module(f"microrepo.cli.commands.{module}")
    assert callable(getattr(handlers, f"command_{function}"))


@pytest.mark.parametrize("name", ["", *commands()])
def test_help_can_be_printed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        PARSER.parse_args([name, "--help"] if name else ["--help"])
    assert caught.value.code == 0
    assert "global options" in capsys.readouterr().out


@pytest.mark.parametrize("name", commands())
def test_every_argument_has_help(name: str) -> None:
    unexplained = [a.dest for a in commands()[name]._actions if not a.help]
    assert [dest for dest in unexplained if dest not in {"name", "port"}] == []


GLOBAL: dict[str, Any] = {
    "--config": "c.json",
    "--log-file": "log",
    "--profile": "lab",
    "--quiet": None,
    "--verbose": None,
    "--debug": None,
    "--no-progress": None,
    "--json": None,
}


@pytest.mark.parametrize("flag", GLOBAL)
@pytest.mark.parametrize("place", ["before", "behind"])
def test_global_flag_stands_before_or_behind_the_command(flag: str, place: str) -> None:
    words = [flag] + ([GLOBAL[flag]] if GLOBAL[flag] else [])
    line = [*words, "list"] if place == "before" else ["list", *words]
    found = vars(PARSER.parse_args(line))[flag.strip("-").replace("-", "_")]
    assert found == (GLOBAL[flag] or True)


def test_what_stands_behind_the_command_goes_first() -> None:
    assert PARSER.parse_args(["--config", "a", "list", "--config", "b"]).config == "b"


@pytest.mark.parametrize("name", commands())
def test_global_flags_are_off_by_default(name: str) -> None:
    needed = {
        "add": ["x"],
        "remove": ["x"],
        "adopt": ["x"],
        "import": ["x"],
        "mirror": ["x", "1", "--destination", "x"],
        "delete": ["x"],
        "explain": ["x"],
        "push": ["x"],
        "store": ["status"],
        "copy": ["--destination", "x"],
    }
    found = PARSER.parse_args([name, *needed.get(name, [])])
    assert (found.config, found.log_file) == (None, None)
    assert not any([found.quiet, found.verbose, found.debug, found.no_progress, found.json])


def test_no_command_at_all() -> None:
    assert PARSER.parse_args([]).handler == "refresh_commands:bare"


def test_requirements_and_files_of_a_refresh() -> None:
    found = PARSER.parse_args(
        ["refresh", "flask", "-r", "a.txt", "numpy>=1", "--requirement=b.txt"]
    )
    assert (found.requirements, found.requirement) == (["flask", "numpy>=1"], ["a.txt", "b.txt"])


def test_lists_are_not_shared_between_calls() -> None:
    PARSER.parse_args(["refresh", "-r", "a.txt", "--packages", "a"])
    found = PARSER.parse_args(["refresh"])
    assert (found.requirement, flags_of(found)) == ([], {})


def test_flags_are_json_values() -> None:
    line = [part for key, [(words, _), *_] in VALUES.items() for part in ("--" + key, *words)]
    json.dumps(flags(*(part.replace("_", "-") if part[:2] == "--" else part for part in line)))


@pytest.mark.parametrize(
    ("line", "requirements", "settings"),
    [
        (["--exclude", "opt", "native"], ["native"], {"exclude": ["opt"]}),
        (["--allow", "mid,top", "top"], ["top"], {"allow": ["mid", "top"]}),
        (["--exclude-files", "x", "a", "--exclude-files", "y,z"], ["a"],
         {"exclude_files": ["x", "y,z"]}),
        (["a", "--packages", "b>=1,<2,c", "--packages", "d"], ["a"],
         {"packages": ["b>=1,<2", "c", "d"]}),
        (["--platforms", "any,win32", "a", "--platforms", "linux*"], ["a"],
         {"platforms": ["any", "win32", "linux*"]}),
        (["--sources", "pypi", "a", "--rules", "x,y"], ["a"],
         {"sources": ["pypi"], "rules": ["x", "y"]}),
    ],
)  # fmt: skip
def test_a_list_flag_takes_one_value(
    line: list[str], requirements: list[str], settings: dict[str, object]
) -> None:
    found = PARSER.parse_args(["refresh", *line])
    assert (found.requirements, flags_of(found)) == (requirements, settings)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["refersh"], "did you mean 'refresh'?"),
        (["--verison"], "did you mean '--version'?"),
        (["refresh", "--pakages", "x"], "did you mean '--packages'?"),
        (["copy", "--destinaton", "x", "--destination", "x"], "did you mean '--destination'?"),
        (["refresh", "--removed=quarantin"], "did you mean 'quarantine'?"),
        (
            ["schedule", "--kind", "cron"],
            "choose from systemd-user, systemd-system, crontab, cron.d",
        ),
        (["init", "--yes", "--packages", "a", "b"], "separate values with commas"),
        (["refresh", "--packages", "-r x"], '--packages="-..."'),
        (["copy", "--destination", "x", "-e", "-x"], '--exclude="-..."'),
    ],
)
def test_usage_errors_suggest(
    line: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        PARSER.parse_args(line)
    assert caught.value.code == 2
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 3
    assert words in shown[1]


@pytest.mark.parametrize(
    ("line", "name", "values"),
    [
        (["check", "-e", "a,b", "-e", "c"], "environment", ["a", "b", "c"]),
        (["copy", "--destination", "x", "-e", "a>=1,<2,b"], "left_out", ["a>=1,<2", "b"]),
        (["mirror", "a", "1", "--destination", "x", "-e", "a,b"], "environment", ["a", "b"]),
    ],
)
def test_short_list_flags_take_commas_too(line: list[str], name: str, values: list[str]) -> None:
    assert getattr(PARSER.parse_args(line), name) == values


def test_an_environment_without_a_name_is_refused() -> None:
    with pytest.raises(SystemExit):
        PARSER.parse_args(["check", "-e", ""])


def test_the_help_of_refresh_fits_two_screens(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    shown = {}
    for flag in ("--help", "--help-all"):
        with pytest.raises(SystemExit):
            PARSER.parse_args(["refresh", flag])
        shown[flag] = capsys.readouterr().out
    assert len(shown["--help"].splitlines()) <= 100
    missing = [key for key in KEYS if "--" + key.replace("_", "-") not in shown["--help-all"]]
    assert missing == []
    assert "(default: solve)" in shown["--help"]
    assert "{solve,latest,all}" in shown["--help"]


def test_the_short_help_of_settings_keeps_abbreviations() -> None:
    parser = CommandParser("x")
    add_settings(parser)
    texts = {action.dest: action.help or "" for action in parser._actions}
    assert texts["setting_transport"].startswith("HTTP client")
    assert [text for text in texts.values() if text[:1].islower() and text[1:2].isupper()] == []
