"""`sheet.json`: what is written is read again, and what is wrong with a stranger's is said in one sentence."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from ox_classifier.errors import UsageError
from ox_classifier.sheets import page_code
from ox_classifier.sheets.layout import Box, Code, Copy, Field, Layout, Marker, Page

MARKERS = tuple(Marker(i, x, y, 10) for i, (x, y) in enumerate([(10, 10), (190, 10), (190, 277), (10, 277)]))


def layout(copies: int = 3) -> Layout:
    pages = tuple(Page(n, MARKERS, Code(160, 12, 16.8), (Field("Name", 20, 40, 60, 8),)) for n in (1, 2))
    boxes = (Box(1, 1, 50, 60, 11, 11, text="대한민국?"), Box(2, 1, 50, 80, 11, 11), Box(3, 2, 50, 60, 11, 11))
    people = tuple(Copy(n, f"학생 {n}") for n in range(1, copies + 1))
    return Layout("quiz", "K7Q2MX", "시험", 210, 297, 0.3, pages, boxes, people)


def test_what_is_written_is_read_again(tmp_path):
    layout().write(tmp_path / "sheet.json")
    assert Layout.read(tmp_path / "sheet.json") == layout()
    assert "대한민국" in (tmp_path / "sheet.json").read_text(encoding="utf-8")


def test_corners_go_round_as_opencv_gives_them():
    """Oracle: OpenCV's detector on the marker drawn where the layout has it."""
    page = np.full((300, 210), 255, np.uint8).repeat(10, axis=0).repeat(10, axis=1)
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    for marker in MARKERS:
        x, y, size = round(marker.x * 10), round(marker.y * 10), round(marker.size * 10)
        page[y : y + size, x : x + size] = cv2.aruco.generateImageMarker(dictionary, marker.id, size)
    corners, ids, _ = cv2.aruco.ArucoDetector(dictionary).detectMarkers(page)
    for found, number in zip(corners, ids.ravel(), strict=True):
        np.testing.assert_allclose(found[0] / 10, MARKERS[number].corners(), atol=0.15)
    assert sorted(ids.ravel()) == [0, 1, 2, 3]


WRONG = {
    "no list": lambda told: [],
    "another format": lambda told: told | {"format": "qti"},
    "a later version": lambda told: told | {"version": 2},
    "other markers": lambda told: told | {"dictionary": "DICT_6X6_250"},
    "another kind": lambda told: told | {"kind": "exam"},
    "an id with a path": lambda told: told | {"id": "../../"},
    "no boxes": lambda told: told | {"boxes": []},
    "too many boxes": lambda told: told | {"boxes": told["boxes"] * 2000},
    "two boxes of one number": lambda told: told | {"boxes": [*told["boxes"], told["boxes"][0] | {"y": 200}]},
    "boxes that overlap": lambda told: told | {"boxes": [*told["boxes"], told["boxes"][0] | {"number": 9, "y": 70}]},
    "a box over the edge": lambda told: told | {"boxes": [told["boxes"][0] | {"x": 205}]},
    "a box on no page": lambda told: told | {"boxes": [told["boxes"][0] | {"page": 3}]},
    "a length that is no number": lambda told: told | {"boxes": [told["boxes"][0] | {"x": float("nan")}]},
    "a length that is true": lambda told: told | {"boxes": [told["boxes"][0] | {"x": True}]},
    "a number of 10 digits": lambda told: told | {"boxes": [told["boxes"][0] | {"number": 10**10}]},
    "a missing marker": lambda told: (
        told | {"pages": [told["pages"][0] | {"markers": told["pages"][0]["markers"][:3]}]}
    ),
    "pages that don't count up": lambda told: told | {"pages": told["pages"][::-1]},
    "a code elsewhere on page 2": lambda told: (
        told | {"pages": [told["pages"][0], told["pages"][1] | {"code": {"x": 90, "y": 12, "size": 16.8}}]}
    ),
    "a page of another size": lambda told: told | {"width": 1e9},
    "copies that don't count up": lambda told: told | {"copies": told["copies"][1:]},
    "an escape sequence": lambda told: told | {"title": "\x1b[2J"},
    "an unknown key": lambda told: told | {"script": "x"},
    "a missing key": lambda told: {k: v for k, v in told.items() if k != "line"},
    "text for a list": lambda told: told | {"copies": "abc"},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_a_wrong_layout_is_one_sentence(tmp_path, change):
    path = tmp_path / "sheet.json"
    layout().write(path)
    path.write_text(json.dumps(change(json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")
    with pytest.raises(UsageError, match="is not the layout of a sheet") as raised:
        Layout.read(path)
    assert len(str(raised.value)) < 400 and "\n" not in str(raised.value) and "\x1b" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_one_sentence(tmp_path, content):
    (tmp_path / "sheet.json").write_bytes(content)
    with pytest.raises(UsageError, match=r"is no JSON: give the sheet\.json"):
        Layout.read(tmp_path / "sheet.json")
    with pytest.raises(UsageError, match="does not exist"):
        Layout.read(tmp_path / "none.json")


def photographed(page: page_code.PageId, *, pixels: float, blur: float, seed: int = 0) -> np.ndarray:
    """A code as it comes from a photo of so many pixels a module, blurred and with noise, straightened."""
    random = np.random.default_rng(seed)
    print_ = np.where(np.pad(page_code.modules(page), page_code.QUIET), 0, 255).astype(np.uint8)
    side = round(29 * pixels)
    seen = cv2.resize(print_.repeat(12, 0).repeat(12, 1), (side, side), interpolation=cv2.INTER_AREA)
    seen = cv2.GaussianBlur(seen, (0, 0), blur) * 0.6 + 40 + random.normal(0, 5, (side, side))
    return cv2.resize(seen.clip(0, 255).astype(np.uint8), (348, 348), interpolation=cv2.INTER_CUBIC)


def test_a_sharp_code_is_read_without_a_layout_and_a_blurred_one_with_it():
    sharp = photographed(page_code.PageId("AB2345", 7, 1234), pixels=5, blur=0.6)
    assert page_code.read(sharp) == ("AB2345", 7, 1234)
    assert page_code.read(sharp, layout()) == ("AB2345", 7, 1234), "a code of another sheet is still told"
    blurred = [photographed(page_code.PageId("K7Q2MX", 2, n), pixels=3, blur=1.8, seed=n) for n in (1, 2, 3)]
    assert [page_code.read(code) for code in blurred] == [None] * 3
    assert [page_code.read(code, layout()) for code in blurred] == [("K7Q2MX", 2, n) for n in (1, 2, 3)]


def test_no_code_is_taken_for_one_of_the_layout():
    random = np.random.default_rng(0)
    others = [photographed(page_code.PageId("AAAAAA", 1, n), pixels=3, blur=1.8, seed=n) for n in (1, 2, 3)]
    noise = [cv2.resize(random.integers(0, 256, (29, 29)).astype(np.uint8), (348, 348)) for _ in range(20)]
    blank = np.full((348, 348), 200, np.uint8)
    assert [page_code.read(code, layout()) for code in (*others, *noise, blank)] == [None] * 24
    assert page_code.parsed("OX1K7Q2MX010001 ") is None and page_code.parsed("https://example.org") is None
