"""A real browser for tests of pages: Debian's chromium, driven by playwright; where one is missing, tests skip."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FLAGS = (
    "--no-sandbox --headless --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()

# milliseconds until the first cell of a report's matrix has filtered the images, drawn ones included
FILTER_TIME = """
() => {
  const start = performance.now();
  document.querySelector(".matrix button[data-true]").click();
  document.body.getBoundingClientRect();
  return performance.now() - start;
}
"""


@contextmanager
def chromium() -> Iterator:
    """A running browser; its pages may reach no network."""
    api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install '.[browser]'")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium: apt-get install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Faults(list):
    """What a page complained about, and every address it asked for that is neither a file nor in the page itself."""

    def watch(self, page) -> None:
        page.on("pageerror", lambda error: self.append(f"error: {error}"))
        page.on("console", lambda message: message.type == "error" and self.append(f"console: {message.text}"))
        page.on("dialog", lambda dialog: (self.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: self._look(request.url))

    def _look(self, url: str) -> None:
        if not url.startswith(("file:", "data:", "blob:")):
            self.append(f"network: {url}")


def address(path: Path) -> str:
    return path.absolute().as_uri()
