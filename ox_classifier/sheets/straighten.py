"""A photo → the pages in it: where each stands, as a homography from the sheet's millimetres to the photo's pixels."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np

from ox_classifier.sheets import page_code
from ox_classifier.sheets.layout import DICTIONARY, Layout, Marker
from ox_classifier.sheets.page_code import PageId

FEWEST = 3  # markers that are taken for a page
MOST_ERROR = 1.5  # mm between a marker's corner and where the homography has it
MOST_EACH = 6  # markers of one id that are tried together


@dataclass(frozen=True, eq=False)
class FoundPage:
    """A page in a photo: what its code says (None: unreadable), its place, and how sure that is.

    `homography` (3, 3) maps (x, y, 1) in mm to the photo's pixels. `markers` are the ids that were seen, `error` is the
    mean distance in mm of their corners from where the homography has them.
    """

    page: PageId | None
    homography: np.ndarray
    markers: tuple[int, ...]
    error: float

    def pixels_per_mm(self, x: float, y: float) -> float:
        """The photo's resolution at a place of the sheet, in mm."""
        points = np.array([[[x, y], [x + 1, y], [x, y + 1]]], np.float64)
        (here, right, down) = cv2.perspectiveTransform(points, self.homography)[0]
        return float(np.sqrt(abs(np.linalg.det(np.stack([right - here, down - here])))))


def find_sheets(grey: np.ndarray, layout: Layout) -> list[FoundPage]:
    """Every page of a layout in a photo, uint8 grey (height, width), the best first; none where no page is found."""
    seen = _markers(grey)
    places = {marker.id: marker for marker in layout.pages[0].markers}
    found = []
    while page := _best(seen, places):
        homography, used, error = page
        for number, corners in used.items():
            seen[number] = [other for other in seen[number] if other is not corners]
        found.append(FoundPage(_code(grey, homography, layout), homography, tuple(sorted(used)), error))
    return sorted(found, key=lambda page: (-len(page.markers), page.error))


def straightened(
    photo: np.ndarray, homography: np.ndarray, place: tuple[float, float, float, float], *, scale: float
) -> np.ndarray:
    """The part of a page at (x, y, width, height) in mm, cut upright at `scale` pixels a mm; white beyond the photo."""
    x, y, width, height = place
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # a pixel's value is that of its middle, and OpenCV counts from the middle of the first
    to_mm = np.array([[1 / scale, 0, x + 0.5 / scale], [0, 1 / scale, y + 0.5 / scale], [0, 0, 1]])
    return cv2.warpPerspective(
        photo,
        homography @ to_mm,
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(255, 255, 255),
    )


def _markers(grey: np.ndarray) -> dict[int, list[np.ndarray]]:
    """The corners (4, 2) in pixels of every marker seen, by id."""
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, DICTIONARY))
    corners, ids, _ = cv2.aruco.ArucoDetector(dictionary, parameters).detectMarkers(grey)
    found = defaultdict(list)
    for one, number in zip(corners, [] if ids is None else ids.ravel(), strict=True):
        found[int(number)].append(one[0])
    return found


def _best(
    seen: dict[int, list[np.ndarray]], places: dict[int, Marker]
) -> tuple[np.ndarray, dict[int, np.ndarray], float] | None:
    """The homography of the markers that together fit a page best: most of them, then with the least error."""
    found = []
    choices = [[None, *seen.get(number, ())[:MOST_EACH]] for number in places]
    for choice in product(*choices):
        used = {number: corners for number, corners in zip(places, choice, strict=True) if corners is not None}
        if len(used) >= FEWEST and (fitted := _fitted(used, places)):
            found.append((-len(used), fitted[1], fitted[0], used))
    if not found:
        return None
    _, error, homography, used = min(found, key=lambda one: one[:2])
    return homography, used, error


def _fitted(used: dict[int, np.ndarray], places: dict[int, Marker]) -> tuple[np.ndarray, float] | None:
    mm = np.array([corner for number in used for corner in places[number].corners()])
    pixels = np.concatenate([used[number] for number in used]).astype(np.float64)
    homography, _ = cv2.findHomography(mm, pixels)
    if homography is None or abs(np.linalg.det(homography)) < 1e-9:
        return None
    back = cv2.perspectiveTransform(pixels[None], np.linalg.inv(homography))[0]
    error = float(np.linalg.norm(back - mm, axis=1).mean())
    return (homography, error) if error <= MOST_ERROR else None


def _code(grey: np.ndarray, homography: np.ndarray, layout: Layout) -> PageId | None:
    code = layout.pages[0].code
    module = code.size / page_code.MODULES
    quiet = page_code.QUIET * module
    place = code.x - quiet, code.y - quiet, code.size + 2 * quiet, code.size + 2 * quiet
    return page_code.read(straightened(grey, homography, place, scale=page_code.SHARP / module), layout)
