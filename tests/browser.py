"""Headless Chromium for tests of pages, driven through a pipe by its DevTools protocol."""

import contextlib
import itertools
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
KEYS = {"ArrowLeft": 37, "ArrowRight": 39, "ArrowDown": 40, "Home": 36, "End": 35}
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run")


class Browser:
    """One tab; `errors` are the messages of its console and its uncaught exceptions."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.to, self.back = process.stdin, process.stdout
        self.counts, self.buffer, self.session = itertools.count(1), b"", ""
        self.errors: list[str] = []
        self.events: list[str] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        number = next(self.counts)
        session = {"sessionId": self.session} if self.session else {}
        message = {"id": number, "method": method, "params": params} | session
        self.to.write(json.dumps(message).encode() + b"\0")
        while (got := self._receive()).get("id") != number:
            pass
        assert "error" not in got, got
        return dict(got["result"])

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self.buffer:
            part = self.back.read(1 << 20)
            assert part, "the browser has ended"
            self.buffer += part
        message, _, self.buffer = self.buffer.partition(b"\0")
        got: dict[str, Any] = json.loads(message)
        method = got.get("method", "")
        self.events.append(method)
        if method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
            self.errors.append(json.dumps(got["params"]))
        return got

    def open(self, path: Path) -> None:
        """Load a file and wait until it is whole."""
        self.events.clear()
        self.send("Page.navigate", url=path.absolute().as_uri())
        while "Page.loadEventFired" not in self.events:
            self._receive()

    def value(self, script: str) -> Any:
        """Return the value of an expression on the page."""
        done = self.send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key of the keyboard and let it go."""
        for kind in ("rawKeyDown", "keyUp"):
            code = KEYS[key]
            self.send(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code
            )


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start a browser with a new profile in a folder; skip the test where none is installed."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("needs Chromium: `apt-get install chromium`")
    command = [program, *OPTIONS, "--remote-debugging-pipe", f"--user-data-dir={folder}"]
    ends = 'exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1'  # the places that Chromium expects
    with subprocess.Popen(
        ["sh", "-c", ends, "sh", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        try:
            yield Browser(process)
        finally:
            process.terminate()
