"""Headless Chromium over its debugging pipe: no driver, no websocket, nothing to install."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Another machine's name, as far as a page can tell.
    "--host-resolver-rules=MAP packages.example 127.0.0.1",
    "--remote-debugging-pipe",
)
# The browser expects its pipes at descriptors 3 and 4.
LAUNCHER = """
import os, sys
reading, writing = (os.dup(int(number)) for number in sys.argv[1:3])
os.dup2(reading, 3)
os.dup2(writing, 4)
os.set_inheritable(3, True)
os.set_inheritable(4, True)
os.execv(sys.argv[3], sys.argv[3:])
"""


def chromium_program() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Page:
    """One tab: commands of the DevTools protocol, and the events that came meanwhile."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader, self._writer = reader, writer
        self._buffer = b""
        self._number = 0
        self._session = ""
        self.events: list[dict[str, Any]] = []
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        attached = self.command("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.command(f"{domain}.enable")

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result; a refusal fails the test."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writer, json.dumps(message).encode() + b"\0")
        while True:
            reply = self._read(30)
            if reply.get("id") == self._number:
                assert "error" not in reply, (method, reply)
                result: dict[str, Any] = reply["result"]
                return result
            self.events.append(reply)

    def open(self, url: str) -> None:
        """Go to an address and wait until it is loaded."""
        self.events.clear()
        self.command("Page.navigate", url=url)
        self.wait_for_event("Page.loadEventFired")

    def wait_for_event(self, method: str) -> None:
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self._read(30))

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression, promises awaited."""
        result = self.command(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait_until(self, expression: str, timeout_s: float = 10) -> None:
        end_s = time.monotonic() + timeout_s
        while not self.evaluate(expression):
            assert time.monotonic() < end_s, f"never true: {expression}"
            time.sleep(0.05)

    def press(self, key: str, text: str = "") -> None:
        """Press and release a key as a person does; `text` is what it writes."""
        code = {"Tab": 9, "Enter": 13, "ArrowRight": 39}.get(key, 0)
        common = {"key": key, "windowsVirtualKeyCode": code}
        self.command("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.command("Input.dispatchKeyEvent", type="keyUp", **common)

    def write(self, text: str) -> None:
        self.command("Input.insertText", text=text)

    def size(self, width: int, height: int, *, phone: bool = False) -> None:
        """Set the viewport in CSS pixels."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )

    def dark(self, is_dark: bool) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path: Path) -> None:
        shot = self.command("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def complaints(self) -> list[str]:
        """Return what the console and the policy complained of since the page was opened."""
        self.evaluate("1")
        found = [event for event in self.events if event.get("method") == "Log.entryAdded"]
        texts = [event["params"]["entry"]["text"] for event in found]
        thrown = [e for e in self.events if e.get("method") == "Runtime.exceptionThrown"]
        return texts + [json.dumps(event["params"]) for event in thrown]

    def requested(self) -> list[str]:
        """Return the addresses that were asked for since the page was opened."""
        sent = [e for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def _read(self, timeout_s: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._reader], [], [], timeout_s)
            assert ready, "Chromium does not answer"
            block = os.read(self._reader, 1 << 20)
            assert block, "Chromium has ended"
            self._buffer += block
        message, _, self._buffer = self._buffer.partition(b"\0")
        decoded: dict[str, Any] = json.loads(message)
        return decoded


@contextmanager
def chromium(profile: Path) -> Iterator[Page]:
    """Start a browser with an empty profile and open one tab in it."""
    program = chromium_program()
    assert program is not None
    to_read, to_write = os.pipe(), os.pipe()

    ours = (to_read[0], to_write[1])
    launch = [sys.executable, "-c", LAUNCHER, *map(str, ours), program]
    command = [*launch, *FLAGS, f"--user-data-dir={profile}"]
    process = subprocess.Popen(
        command,
        pass_fds=ours,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(to_read[0])
    os.close(to_write[1])
    try:
        yield Page(to_write[0], to_read[1])
    finally:
        os.killpg(process.pid, 9)
        process.wait()
        os.close(to_write[0])
        os.close(to_read[1])
