"""The page of `ox serve` in a real browser: drawn on, given pictures, and asked while the server goes away."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.browser import Faults, chromium
from tests.test_serve import IMAGES, serving

NAME = "<img src=x onerror=alert(1)> 한국 \U0001f431 $x^2$.png"


class OwnFaults(Faults):
    """Faults but for what is asked of the page's own server."""

    def __init__(self, url: str):
        super().__init__()
        self.own = urlsplit(url).netloc

    def _look(self, url: str) -> None:
        if urlsplit(url).netloc != self.own:
            super()._look(url)


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


def draw_x(page) -> None:
    box = page.locator("#sheet").bounding_box()
    for across, down in (((0.25, 0.78), (0.22, 0.8)), ((0.76, 0.22), (0.2, 0.79))):
        ends = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in zip(across, down, strict=True)]
        page.mouse.move(*ends[0])
        page.mouse.down()
        page.mouse.move(*ends[1], steps=10)
        page.mouse.up()


def test_drawings_and_pictures_are_answered_and_nothing_is_run_or_fetched(browser, tmp_path):
    hostile, broken = tmp_path / NAME.replace("/", ""), tmp_path / "notes.png"
    hostile.write_bytes(IMAGES[0].read_bytes())
    broken.write_bytes(b"hello there")
    with serving() as (process, url):
        page, faults = browser.new_page(viewport={"width": 375, "height": 800}), OwnFaults(url)
        faults.watch(page)
        page.goto(url)
        assert "lenet-22" in page.title()
        page.set_input_files("#files", [hostile, broken])
        page.locator(".answer.tone1").wait_for()
        page.locator(".answer.failed").wait_for()
        assert page.locator(".answer.tone1 .word").inner_text() == "X"
        assert page.locator(".answer.tone1 .name").inner_text() == hostile.name
        assert "it begins with the text 'hello there'" in page.locator(".answer.failed").inner_text()
        draw_x(page)
        drawn = page.locator(".answer", has=page.locator("img[alt='the drawing']"))
        drawn.locator(".word").wait_for()
        assert drawn.count() == 1 and page.locator(".answer").count() == 3
        assert drawn.locator(".shares .label").all_inner_texts() == ["O", "X"]
        page.locator("#clear").click()
        assert page.locator("#hint").is_visible() and page.locator("#clear").is_disabled()
        assert page.evaluate("document.documentElement.scrollWidth") == 375
        # what the browser itself says of the file that is no picture
        assert [fault for fault in faults if "ERR_" not in fault and "status of 422" not in fault] == []
        process.kill()
        process.wait()
        page.set_input_files("#files", [IMAGES[1]])
        page.locator(".answer.failed", has_text="can't be reached").wait_for()
        page.close()


def test_the_policy_lets_no_other_script_run_and_no_other_server_be_asked(browser):
    with serving() as (_, url):
        page = browser.new_page()
        page.goto(url)
        elsewhere = "fetch('http://127.0.0.1:9/').then(() => 'asked', () => 'refused')"
        refused: list[str] = []
        page.on("console", lambda message: refused.append(message.text))
        assert page.evaluate(elsewhere) == "refused"
        page.evaluate(
            "() => { const s = document.createElement('script'); s.text = 'window.ran = 1'; document.body.append(s); }"
        )
        assert page.evaluate("window.ran") is None
        assert sum("Content Security Policy" in text for text in refused) >= 2
        page.close()
