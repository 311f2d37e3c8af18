"""The pages for people in a real browser: script, no script, keyboard, phone, dark, policy."""

from __future__ import annotations

import http.server
import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from microrepo.publish.tree.people_pages import update_browse
from tests.functional.server.chromium import Page, chromium, chromium_program
from tests.functional.server.conftest import put, write_tree
from tests.functional.server.serving import Served, serve
from tests.support.assembled_server import server_module
from tests.support.packages import build_sdist, build_wheel

pytestmark = pytest.mark.skipif(chromium_program() is None, reason="chromium is not installed")
PATHS = ("", "?q=foo", "project/foo-bar/", "project/foo-bar/?version=1.0", "project/nope/")
CONTRAST = """
(() => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const light = rgb => {
    const part = rgb.slice(0, 3).map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * part[0] + .7152 * part[1] + .0722 * part[2];
  };
  const ground = node => {
    for (; node; node = node.parentElement) {
      const color = parse(getComputedStyle(node).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const node of document.querySelectorAll("main *, header *, footer *")) {
    const says = [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim());
    if (!says || !node.getClientRects().length) continue;
    const pair = [light(parse(getComputedStyle(node).color)), light(ground(node))].sort((a, b) => b - a);
    const ratio = (pair[0] + .05) / (pair[1] + .05);
    if (ratio < 4.5) weak.push(node.tagName + "." + node.className + " " + ratio.toFixed(2));
  }
  return [...new Set(weak)];
})()
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def site(bare: Path) -> Iterator[Served]:
    """Static pages of a status and a yanked release, many files, a long description."""
    lines = ["Project-URL: Home, https://project.example/", "", "word " * 300, "x" * 300]
    for tag in ("cp310", "cp311", "cp312", "cp313"):
        for platform in (
            "manylinux_2_17_x86_64.manylinux2014_x86_64",
            "win_amd64",
            "macosx_11_0_arm64",
        ):
            put(
                bare,
                build_wheel(
                    "Foo.Bar", "2.0", python_tag=tag, abi_tag=tag, platform_tag=platform,
                    requires_dist=["other>=0.1", "absent; python_version<'3'"], metadata_lines=lines,
                ),
            )  # fmt: skip
    put(bare, build_sdist("Foo.Bar", "3.0b1"))
    (bare / "foo_bar-2.0-py3-none-any.whl.metadata").unlink()
    write_tree(bare)
    with serve(bare) as running:
        yield running


@pytest.fixture(autouse=True)
def _reset(page: Page) -> None:
    page.size(1200, 900)
    page.dark(False)
    page.command("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("path", PATHS)
def test_nothing_foreign_and_no_complaint(site: Served, page: Page, path: str) -> None:
    """No external asset, no script error, nothing that the policy had to stop."""
    page.open(site.url + path)
    assert [text for text in page.complaints() if "404" not in text] == []
    assert all(url.startswith((site.url, "data:image/svg")) for url in page.requested())
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.top')).borderBottomStyle")
        == "solid"
    )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("width", [320, 390, 768])
def test_nothing_is_wider_than_a_phone(site: Served, page: Page, path: str, width: int) -> None:
    page.size(width, 700, phone=True)
    page.open(site.url + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("window.innerWidth") == width


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
def test_text_can_be_read(site: Served, page: Page, path: str, is_dark: bool) -> None:
    """Contrast of at least 4.5 to 1 (WCAG AA), links and badges included."""
    page.dark(is_dark)
    page.open(site.url + path)
    assert page.evaluate(CONTRAST) == []
    light = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0] > 128")
    assert light is not is_dark


def test_the_list_narrows_while_typing(site: Served, page: Page) -> None:
    page.open(site.url)
    visible = "[...document.querySelectorAll('.projects li')].filter(row => !row.hidden).length"
    assert page.evaluate(visible) == 2
    page.press("/", "/")
    assert page.evaluate("document.activeElement.id") == "q"
    assert page.evaluate("document.activeElement.value") == ""
    page.write("OTHER")
    assert page.evaluate(visible) == 1
    assert page.evaluate("document.querySelector('.count').textContent") == "1 project"
    page.write(" nothing")
    assert page.evaluate(visible) == 0


def test_a_long_list_is_fetched_while_typing(bare: Path, page: Page) -> None:
    for number in range(server_module.PAGE_SIZE + 5):
        (bare / f"many_{number}-1.0.tar.gz").write_bytes(b"")
    with serve(bare) as running:
        page.open(running.url)
        assert page.evaluate("document.querySelectorAll('.projects li').length") == 60
        page.press("/", "/")
        page.write("foo")
        page.wait_until("document.querySelectorAll('.projects li').length === 1")
        assert page.evaluate("document.querySelector('.projects b').textContent") == "foo-bar"
        assert page.complaints() == []


def test_search_works_without_script(site: Served, page: Page) -> None:
    page.command("Emulation.setScriptExecutionDisabled", value=True)
    page.open(site.url + "project/foo-bar/")
    page.events.clear()
    page.press("Tab")
    for _ in range(2):
        page.press("Tab")
    page.write("other")
    page.press("Enter", "\r")
    page.wait_for_event("Page.loadEventFired")
    page.command("Emulation.setScriptExecutionDisabled", value=False)
    assert page.evaluate("location.search") == "?q=other"
    assert page.evaluate("document.querySelectorAll('.projects li').length") == 1


def test_everything_is_reached_by_keyboard(site: Served, page: Page) -> None:
    """The first stop leads to the content; each link and field comes in the page's order."""
    page.open(site.url)
    stops = []
    for _ in range(12):
        page.press("Tab")
        stops.append(
            page.evaluate("document.activeElement.textContent.trim() || document.activeElement.id")
        )
    assert stops[0] == "Skip to content"
    assert stops[1:4] == ["microrepo", "q", "Search"]
    assert stops[4] == "t0"
    assert any(text.startswith("foo-bar") for text in stops)
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) != "none"


def test_the_settings_are_tabs(site: Served, page: Page) -> None:
    page.open(site.url)
    shown = "[...document.querySelectorAll('.tabs pre')].filter(p => p.offsetHeight).map(p => p.firstChild.data)"
    assert page.evaluate(shown) == [f"pip install --index-url {site.url}simple/ PROJECT"]
    page.evaluate("document.getElementById('t0').focus()")
    page.press("ArrowRight")
    assert page.evaluate(shown) == [f"[global]\nindex-url = {site.url}simple/"]


def test_the_command_is_copied(site: Served, page: Page) -> None:
    page.command("Browser.grantPermissions", permissions=["clipboardReadWrite"])
    page.open(site.url + "project/foo-bar/?version=3.0b1")
    page.evaluate("document.querySelector('.copy button').click()")
    page.wait_until("document.querySelector('.copy button').textContent === 'Copied'")
    text = page.evaluate("document.querySelector('.copy').firstChild.data")
    assert text == f"pip install --index-url {site.url}simple/ foo-bar==3.0b1"


def test_the_whole_digest_and_all_files_are_there(site: Served, page: Page) -> None:
    page.open(site.url + "project/foo-bar/")
    assert page.evaluate("document.querySelectorAll('.files li').length") == 14
    assert page.evaluate("document.querySelector('.more summary').textContent") == "2 more files"
    page.evaluate("document.querySelector('.digests summary').click()")
    text = page.evaluate("document.querySelector('.digests code').innerText")
    assert len(text) == len("sha256: ") + 64


def test_screenshots(site: Served, page: Page, tmp_path: Path) -> None:
    """Kept where MICROREPO_SCREENSHOTS says, to be looked at."""
    folder = Path(os.environ.get("MICROREPO_SCREENSHOTS", tmp_path))
    for name, width, is_dark in (
        ("desktop", 1200, False),
        ("phone", 390, False),
        ("dark", 1200, True),
    ):
        page.size(width, 900, phone=name == "phone")
        page.dark(is_dark)
        for number, path in enumerate(PATHS):
            page.open(site.url + path)
            page.screenshot(folder / f"{name}-{number}.png")
            assert (folder / f"{name}-{number}.png").stat().st_size > 5000


@pytest.fixture
def exported(site: Served, bare: Path) -> str:
    """The address of the same pages as files, without any server."""
    update_browse(bare, bare / ".microrepo")
    return (bare / "browse").as_uri() + "/"


EXPORTED = ("index.html", "index.html?q=other", "project/foo-bar/index.html#r-1.0")


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("path", EXPORTED)
def test_exported_pages_work_from_a_disk(
    exported: str, page: Page, path: str, is_dark: bool
) -> None:
    page.size(320, 700, phone=True)
    page.dark(is_dark)
    page.open(exported + path)
    assert page.complaints() == []
    assert all(url.startswith((exported, "data:image/svg")) for url in page.requested())
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.evaluate(CONTRAST) == []


def test_exported_pages_learn_their_address_and_search(exported: str, page: Page) -> None:
    visible = "[...document.querySelectorAll('.projects li')].filter(row => !row.hidden).length"
    root = exported.removesuffix("browse/")
    page.open(exported + "project/foo-bar/index.html")
    text = page.evaluate("document.querySelector('.copy').firstChild.data")
    assert text == f"pip install --index-url {root}simple/ foo-bar"
    page.evaluate("document.getElementById('q').focus()")
    page.write("other")
    page.events.clear()
    page.press("Enter", "\r")
    page.wait_for_event("Page.loadEventFired")
    assert page.evaluate(visible) == 1
    page.press("/", "/")
    page.write(" nothing")
    assert page.evaluate(visible) == 0


def test_exported_pages_tell_what_the_server_would(exported: str, bare: Path, page: Page) -> None:
    """Behind any web server; pip is told to trust another machine without TLS."""

    class Files(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    handler = partial(Files, directory=str(bare))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as site:
        threading.Thread(target=site.serve_forever).start()
        try:
            url = f"http://packages.example:{site.server_port}/"
            page.open(url + "browse/")
            blocks = "[...document.querySelectorAll('.copy')].map(block => block.firstChild.data)"
            # Without TLS there is no clipboard, and so no button.
            found = {" ".join(sorted(text.split())) for text in page.evaluate(blocks)}
        finally:
            site.shutdown()
    wanted = server_module.client_settings(url)
    commands = (wanted.pip_command + " PROJECT", wanted.uv_command + " PROJECT")
    texts = (*commands, wanted.pip_conf, wanted.uv_toml, wanted.environment)
    assert found == {" ".join(sorted(text.split())) for text in texts}


def test_exported_pages_work_without_script(exported: str, page: Page) -> None:
    """The list is whole, and a search that could not work is not offered."""
    page.command("Emulation.setScriptExecutionDisabled", value=True)
    page.open(exported + "index.html")
    page.command("Emulation.setScriptExecutionDisabled", value=False)
    assert page.evaluate("document.querySelectorAll('.projects li').length") == 2
    assert page.evaluate("document.querySelector('form').getClientRects().length") == 0


def test_the_chart_has_words(site: Served, exported: str, page: Page) -> None:
    """What the bar shows is its name for those who do not see it."""
    for address in (site.url, exported + "index.html"):
        page.open(address)
        tree = page.command("Accessibility.getFullAXTree")["nodes"]
        names = [node["name"]["value"] for node in tree if node["role"]["value"] == "image"]
        assert [name for name in names if name.startswith("Bytes by kind: ")], names
