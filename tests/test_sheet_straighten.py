"""Pages found again in pictures made with a known homography."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ox_classifier.sheets import page_code
from ox_classifier.sheets.page_code import PageId
from ox_classifier.sheets.straighten import find_sheets, straightened
from tests.test_sheet_layout import layout

SCALE = 10  # pixels a mm of the drawn page


def drawn(page: PageId) -> np.ndarray:
    """A page with its markers and code, flat."""
    paper = np.full((297 * SCALE, 210 * SCALE), 255, np.uint8)
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    for marker in layout().pages[0].markers:
        x, y, size = (round(value * SCALE) for value in (marker.x, marker.y, marker.size))
        paper[y : y + size, x : x + size] = cv2.aruco.generateImageMarker(dictionary, marker.id, size)
    code = layout().pages[0].code
    black = np.where(page_code.modules(page), 0, 255).astype(np.uint8).repeat(8, 0).repeat(8, 1)
    x, y = round(code.x * SCALE), round(code.y * SCALE)
    paper[y : y + 168, x : x + 168] = black
    return paper


def photo_of(*pages: tuple[PageId, list[list[float]]], size: tuple[int, int]) -> tuple[np.ndarray, list[np.ndarray]]:
    """A photo of pages that lie with their corners at given pixels, and their true homographies from mm."""
    photo, truths = np.full(size[::-1], 110, np.uint8), []
    for page, corners in pages:
        mm = np.float32([[0, 0], [210, 0], [210, 297], [0, 297]])
        truth = cv2.getPerspectiveTransform(mm, np.float32(corners))
        to_mm = np.array([[1 / SCALE, 0, 0.5 / SCALE], [0, 1 / SCALE, 0.5 / SCALE], [0, 0, 1]])
        paper = drawn(page)
        laid = cv2.warpPerspective(paper, truth @ to_mm, size, flags=cv2.INTER_AREA)
        there = cv2.warpPerspective(np.ones_like(paper), truth @ to_mm, size, flags=cv2.INTER_NEAREST)
        photo = np.where(there > 0, laid, photo)
        truths.append(truth)
    return cv2.GaussianBlur(photo, (0, 0), 0.8), truths


def worst(found: np.ndarray, truth: np.ndarray) -> float:
    """The largest distance, in mm, of any place of the page from where it is found."""
    grid = np.array([[[x, y] for x in range(5, 210, 20) for y in range(5, 297, 20)]], np.float64)
    pixels = cv2.perspectiveTransform(grid, truth)
    return float(np.linalg.norm(cv2.perspectiveTransform(pixels, np.linalg.inv(found)) - grid, axis=2).max())


@pytest.mark.parametrize(
    "corners",
    [
        [[100, 80], [1400, 80], [1400, 1919], [100, 1919]],
        [[1400, 1919], [100, 1919], [100, 80], [1400, 80]],
        [[250, 160], [1420, 40], [1280, 1820], [60, 1960]],
    ],
    ids=["straight", "upside down", "from the side"],
)
def test_a_page_is_found_where_it_lies(corners):
    photo, (truth,) = photo_of((PageId("K7Q2MX", 2, 3), corners), size=(1500, 2000))
    (page,) = find_sheets(photo, layout())
    assert page.page == ("K7Q2MX", 2, 3) and page.markers == (0, 1, 2, 3)
    assert worst(page.homography, truth) < 0.3
    assert page.pixels_per_mm(105, 148) == pytest.approx(6, rel=0.15)


def test_two_pages_in_one_photo_and_one_with_a_covered_marker():
    left = [[40, 60], [940, 30], [960, 1300], [60, 1330]]
    right = [[1040, 60], [1940, 60], [1940, 1332], [1040, 1332]]
    photo, truths = photo_of((PageId("K7Q2MX", 1, 1), left), (PageId("K7Q2MX", 1, 2), right), size=(2000, 1400))
    cv2.circle(photo, (1100, 1270), 60, 90, -1)  # a thumb on the right page's bottom left
    pages = find_sheets(photo, layout())
    assert [(page.page.copy, page.markers) for page in pages] == [(1, (0, 1, 2, 3)), (2, (0, 1, 2))]
    assert max(worst(page.homography, truth) for page, truth in zip(pages, truths, strict=True)) < 0.6


def test_what_is_cut_lies_to_the_pixel():
    photo = np.zeros((300, 300), np.uint8)
    photo[100:200, 50:150] = np.arange(100)[:, None] + np.arange(100)[None]
    scale = np.diag([10.0, 10.0, 1.0])  # 10 pixels a mm; x = 0 mm is the left edge of the first pixel
    scale[:2, 2] = -0.5
    np.testing.assert_array_equal(straightened(photo, scale, (5, 10, 10, 10), scale=10), photo[100:200, 50:150])


def test_no_page_in_a_picture_of_something_else():
    random = np.random.default_rng(0)
    assert find_sheets(random.integers(0, 256, (600, 800)).astype(np.uint8), layout()) == []
    assert find_sheets(np.full((50, 50), 255, np.uint8), layout()) == []
