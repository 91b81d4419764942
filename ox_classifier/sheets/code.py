"""The printed code of a flattened page → its text."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

AROUND = 2.5  # mm of paper around the code
LONGEST = 200  # letters


def read(page: np.ndarray, place: Sequence[float], detail: float) -> str | None:
    """The text of the QR code at `place` (left, top, width, height in mm) of a page, uint8 at `detail` pixels a mm.

    None if it can't be read. Tried as it is, then larger, then in black and white.
    """
    left, top, width, height = place
    low = np.maximum(np.floor((np.array([left, top]) - AROUND) * detail).astype(int), 0)
    high = np.ceil((np.array([left + width, top + height]) + AROUND) * detail).astype(int)
    part = cv2.cvtColor(page[low[1] : high[1], low[0] : high[0]], cv2.COLOR_RGB2GRAY)
    if not part.size:
        return None
    larger = cv2.resize(part, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    soft = cv2.GaussianBlur(larger, (0, 0), 2.0)
    sharp = cv2.addWeighted(larger, 2.0, soft, -1.0, 0)
    _, hard = cv2.threshold(soft, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    for picture in (part, larger, sharp, hard):
        for detector in (cv2.QRCodeDetector(), cv2.QRCodeDetectorAruco()):
            try:
                text = detector.detectAndDecode(picture)[0]
            except (cv2.error, UnicodeDecodeError):
                continue
            if text:
                return text[:LONGEST]
    return None
