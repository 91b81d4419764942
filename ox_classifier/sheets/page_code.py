"""The QR code of a page: which sheet, page and copy it is; drawn for printing, read from a straightened photo.

It holds `OX1`, the sheet's id (6), the page (2 digits) and the copy (4 digits): 15 signs in version 1 at correction Q,
21 x 21 modules. OpenCV finds a QR code by itself only in a sharp photo; where the page's markers say where the code
stands it is decoded at that place, and where the layout is known the nearest of its own codes is taken, which reads
what is blurred far beyond decoding.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from ox_classifier.sheets.layout import ALPHABET, ID_LETTERS, Layout

MODULES = 21
SHARP = 12  # pixels a module that a straightened code is cut at
QUIET = 4  # modules of white around it
LEAST, CLEAR = 0.55, 0.15  # correlation with the nearest code, and how much more than with the next


class PageId(NamedTuple):
    """What a page's code says."""

    sheet: str
    page: int
    copy: int


def written(page: PageId) -> str:
    """The text that a page's code holds."""
    return f"OX1{page.sheet}{page.page:02}{page.copy:04}"


def parsed(text: str) -> PageId | None:
    """The page that a code's text names; None if it is no code of ours."""
    match = re.fullmatch(rf"OX1([{ALPHABET}]{{{ID_LETTERS}}})(\d\d)(\d{{4}})", text, re.ASCII)
    return PageId(match[1], int(match[2]), int(match[3])) if match else None


def modules(page: PageId) -> np.ndarray:
    """The code as bool of shape (21, 21), True where it is black."""
    return _encoded(written(page))


def read(code: np.ndarray, layout: Layout | None = None) -> PageId | None:
    """Read a straightened code: uint8 grey, square, exactly its 21 modules with QUIET modules around on each side.

    With a layout, a code that can't be decoded is taken for the nearest of the layout's own. None if it is unreadable,
    or not of ours.
    """
    side = code.shape[0]
    edge = side * QUIET / (MODULES + 2 * QUIET)
    corners = np.array([[[edge, edge], [side - edge, edge], [side - edge, side - edge], [edge, side - edge]]])
    try:
        text, _ = cv2.QRCodeDetector().decode(code, corners.astype(np.float32))
    except (cv2.error, UnicodeDecodeError):  # both are raised for what is no code
        text = ""
    found = parsed(text)
    return found if found or layout is None else _nearest(code, layout)


def _nearest(code: np.ndarray, layout: Layout) -> PageId | None:
    """The code of the layout that the modules fit best, if well and clearly so."""
    cells = MODULES + 2 * QUIET
    seen = cv2.resize(code, (cells, cells), interpolation=cv2.INTER_AREA)[QUIET:-QUIET, QUIET:-QUIET]
    seen = seen.astype(np.float32)[~_fixed()]
    seen = seen - seen.mean()
    names, candidates = _candidates(layout.id, len(layout.pages), len(layout.copies))
    scale = np.linalg.norm(seen) * np.linalg.norm(candidates, axis=1)
    scores = -(candidates @ seen) / np.maximum(scale, 1e-6)
    order = np.argsort(-scores)
    second = scores[order[1]] if len(order) > 1 else 0.0
    return names[order[0]] if scores[order[0]] >= max(LEAST, second + CLEAR) else None


@lru_cache(maxsize=4)
def _candidates(sheet: str, pages: int, copies: int) -> tuple[list[PageId], np.ndarray]:
    """Every code of a layout, and its modules (codes, modules that vary), black 1, each of mean 0."""
    names = [PageId(sheet, page, copy) for copy in range(1, copies + 1) for page in range(1, pages + 1)]
    found = np.stack([modules(name)[~_fixed()] for name in names]).astype(np.float32)
    return names, found - found.mean(axis=1, keepdims=True)


@lru_cache(maxsize=1)
def _fixed() -> np.ndarray:
    """The modules that all codes of this version have alike: three corner squares with their rims, and timing."""
    fixed = np.zeros((MODULES, MODULES), bool)
    fixed[:9, :9] = fixed[:9, -8:] = fixed[-8:, :9] = True
    fixed[6, :] = fixed[:, 6] = True
    return fixed


@lru_cache(maxsize=20_000)
def _encoded(text: str) -> np.ndarray:
    parameters = cv2.QRCodeEncoder_Params()
    parameters.version, parameters.correction_level = 1, cv2.QRCODE_ENCODER_CORRECT_LEVEL_Q
    parameters.mode = cv2.QRCODE_ENCODER_MODE_ALPHANUMERIC
    code = cv2.QRCodeEncoder.create(parameters).encode(text) == 0
    inside = np.argwhere(code)
    (top, left), (bottom, right) = inside.min(axis=0), inside.max(axis=0) + 1
    return np.ascontiguousarray(code[top:bottom, left:right])
