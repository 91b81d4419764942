"""A photograph → the pages in it: corner markers found and grouped, codes read, a page or a part of it laid flat."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ox_classifier.sheets import page_code
from ox_classifier.sheets.layout import DICTIONARY, Layout, Page
from ox_classifier.sheets.page_code import PageId

SIGHT = 1600  # pixels of the longer side in which markers are looked for first
SMALLEST = 16  # pixels of a picture that can hold a marker
NEEDED = 3  # markers, with four corners each, that hold a page in place
LARGEST_RESIDUAL = 1.5  # mm, root of the mean square: more is no flat page, or markers of two sheets
SUBPIXEL = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 0.01)

Corners = np.ndarray  # (4, 2) float64: clockwise from the top left of the marker as it is printed


@dataclass(frozen=True, eq=False)
class Marker:
    """A marker seen in a photograph; `corners` in its pixels."""

    number: int
    corners: Corners

    @property
    def side(self) -> float:
        """Its mean side, in pixels."""
        return float(np.linalg.norm(self.corners - np.roll(self.corners, 1, axis=0), axis=1).mean())


@dataclass(frozen=True, eq=False)
class View:
    """A page as it lies in a photograph: `to_photo` takes millimetres of the page to pixels.

    `residual` is the root of the mean square, in millimetres, by which the markers' corners miss a flat page.
    """

    to_photo: np.ndarray
    markers: tuple[Marker, ...]
    residual: float

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(sorted(marker.number for marker in self.markers))

    def places(self, points: np.ndarray) -> np.ndarray:
        """Millimetres of the page, (n, 2) → pixels of the photograph."""
        return cv2.perspectiveTransform(np.asarray(points, np.float64).reshape(1, -1, 2), self.to_photo)[0]

    def shows(self, points: np.ndarray, shape: Sequence[int]) -> np.ndarray:
        """Which points of the page lie inside a photograph of this (height, width): bool (n,)."""
        x, y = self.places(points).T
        return (x >= 0) & (y >= 0) & (x <= shape[1] - 1) & (y <= shape[0] - 1)

    def detail(self, size: Sequence[float]) -> float:
        """Pixels a millimetre in the middle of a page of this (width, height)."""
        here = self.places(np.array(size) / 2 + np.array([[0, 0], [1, 0], [0, 1]]))
        return float(np.sqrt(abs(np.linalg.det(here[1:] - here[0]))))

    def flattened(self, photo: np.ndarray, size: Sequence[float], detail: float) -> np.ndarray:
        """The page of `size` (width, height) in mm as from above, at `detail` pixels a millimetre."""
        return straightened(photo, self.to_photo, (0.0, 0.0, *size), scale=detail)


@dataclass(frozen=True, eq=False)
class FoundPage:
    """A page in a photograph: what its code says (None: unreadable), and its place.

    `homography` (3, 3) maps (x, y, 1) in mm to pixels. `markers` are the ids that were seen, `error` is how far in mm
    their corners are from where the homography has them (root of the mean square).
    """

    page: PageId | None
    homography: np.ndarray
    markers: tuple[int, ...]
    error: float

    def pixels_per_mm(self, x: float, y: float) -> float:
        """The photograph's resolution at a place of the sheet, in mm."""
        points = np.array([[[x, y], [x + 1, y], [x, y + 1]]], np.float64)
        here = cv2.perspectiveTransform(points, self.homography)[0]
        return float(np.sqrt(abs(np.linalg.det(here[1:] - here[0]))))


def find_sheets(grey: np.ndarray, layout: Layout) -> list[FoundPage]:
    """Every page of a layout in a photograph, uint8 grey (height, width), the best first; none where none is found."""
    found = views(markers(grey), printed_corners(layout.pages[0]))
    return [
        FoundPage(page_id(grey, view.to_photo, layout), view.to_photo, view.numbers, view.residual) for view in found
    ]


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


def page_id(photo: np.ndarray, homography: np.ndarray, layout: Layout) -> PageId | None:
    """What a page's code says: read where it is printed, else, as on bent paper, where it is seen nearby."""
    printed = layout.pages[0].code
    module = printed.size / page_code.MODULES
    quiet = page_code.QUIET * module
    place = printed.x - quiet, printed.y - quiet, printed.size + 2 * quiet, printed.size + 2 * quiet
    code = straightened(photo, homography, place, scale=page_code.SHARP / module)
    code = code if code.ndim == 2 else cv2.cvtColor(code, cv2.COLOR_RGB2GRAY)
    said = page_code.read(code, layout)
    if said is not None:
        return said
    for detector in (cv2.QRCodeDetector(), cv2.QRCodeDetectorAruco()):
        try:
            text = detector.detectAndDecode(code)[0]
        except (cv2.error, UnicodeDecodeError):
            continue
        if said := page_code.parsed(text):
            return said
    return None


def markers(grey: np.ndarray) -> list[Marker]:
    """All markers of our kind in a grey photograph, their corners to a fraction of a pixel.

    Looked for in a smaller picture first, as that is ten times faster, then in full where a page would lack one.
    """
    scale = SIGHT / max(grey.shape)
    found: list[Marker] = []
    if min(grey.shape) < SMALLEST:
        return found
    if scale < 0.75 and min(grey.shape) * scale >= SMALLEST:
        small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found = [
            Marker(marker.number, (marker.corners + 0.5) / scale - 0.5) for marker in _detected(small)
        ]  # the middle of a pixel stays where it is
    if len(found) < 4 or len(found) % 4:
        found = _merged(found, _detected(grey))
    return [Marker(marker.number, _refined(grey, marker)) for marker in found]


def printed_corners(page: Page) -> dict[int, Corners]:
    """Where the corners of a page's markers stand on it, in mm, by the marker's number."""
    return {marker.id: np.array(marker.corners(), np.float64) for marker in page.markers}


def views(found: Sequence[Marker], printed: Mapping[int, Corners]) -> list[View]:
    """The pages that these markers belong to; `printed` says where each of a page's four stands on it, in mm.

    A page is four markers, then three, that fit a flat page together; each marker is used once, best fit first.
    """
    left = [marker for marker in found if marker.number in printed]
    pages: list[View] = []
    for many in (4, NEEDED):
        groups = itertools.chain.from_iterable(
            itertools.product(*[[m for m in left if m.number == number] for number in numbers])
            for numbers in itertools.combinations(sorted(printed), many)
        )
        fits = [view for group in groups if (view := _fitted(group, printed))]
        for view in sorted(fits, key=lambda view: view.residual):
            if all(any(marker is other for other in left) for marker in view.markers):
                pages.append(view)
                left = [marker for marker in left if not any(marker is used for used in view.markers)]
    return pages


def _fitted(group: Sequence[Marker], printed: Mapping[int, Corners]) -> View | None:
    """The page that has these markers; None if they can't be of one page."""
    sides = [marker.side for marker in group]
    if max(sides) > 3 * min(sides):
        return None
    on_page = np.concatenate([printed[marker.number] for marker in group])
    in_photo = np.concatenate([marker.corners for marker in group])
    to_page, _ = cv2.findHomography(in_photo, on_page, 0)
    if to_page is None or abs(np.linalg.det(to_page)) < 1e-12:
        return None
    misses = cv2.perspectiveTransform(in_photo[None], to_page)[0] - on_page
    residual = float(np.sqrt((misses**2).sum(axis=1).mean()))
    if not residual <= LARGEST_RESIDUAL:  # NaN is no fit
        return None
    return View(np.linalg.inv(to_page), tuple(group), residual)


@functools.cache
def _detector() -> cv2.aruco.ArucoDetector:
    settings = cv2.aruco.DetectorParameters()
    settings.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    return cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, DICTIONARY)), settings)


def _detected(grey: np.ndarray) -> list[Marker]:
    corners, numbers, _ = _detector().detectMarkers(grey)
    if numbers is None:
        return []
    return [
        Marker(int(number), np.asarray(four, np.float64).reshape(4, 2))
        for four, number in zip(corners, np.ravel(numbers), strict=True)
    ]


def _merged(some: list[Marker], more: list[Marker]) -> list[Marker]:
    """Markers of two looks at one photograph, each once."""
    return more + [
        marker
        for marker in some
        if not any(
            marker.number == other.number
            and np.linalg.norm(marker.corners.mean(axis=0) - other.corners.mean(axis=0)) < marker.side / 2
            for other in more
        )
    ]


def _refined(grey: np.ndarray, marker: Marker) -> Corners:
    """Corners where the photograph's own pixels have them, unless they jump from where they were seen."""
    reach = int(np.clip(marker.side / 14, 2, 10))
    corners = marker.corners.astype(np.float32).reshape(-1, 1, 2)
    cv2.cornerSubPix(grey, corners, (reach, reach), (-1, -1), SUBPIXEL)
    moved = np.linalg.norm(corners.reshape(4, 2) - marker.corners, axis=1)
    return np.where((moved < reach)[:, None], corners.reshape(4, 2), marker.corners).astype(np.float64)
