"""What of the ink is the mark's: frames, boards and lines are taken off until none is about what is left."""

from __future__ import annotations

import numpy as np

from ox_classifier.data import ink_pieces

FAINT = 8.0  # grey levels: where nothing stands out by more, there is no ink
LEAST = 0.25  # of the strongest ink: what is weaker is shade, grain or a ruled line
FAINTER = 0.15  # of a frame's ink: what is fainter is no mark in it
FAINT_IN_BOX = 0.25  # the same, in a box, where the box itself is out of the way
BOX = 0.9  # of a frame that holds such a mark: no ring that was drawn in haste is so square
SQUARE = 0.84  # of a frame: between a ring and a box
CORNER = 0.7  # two sides of a frame, or lines that cross, are no squarer; a ring that leaves the picture is
FRAME = 10  # cells: a smaller frame is none
LINE = 0.12  # of its length: no broader is a line
BROAD = 0.3  # of its length: a mark, not a single stroke
COMPACT = 5  # cells of a mark, at least
# of the size of what is about it: what is smaller is a speck
INNER = 0.15
INNER_OF_LINES = 0.12  # that leave the picture, as those of a board
INNER_OF_CROSSING = 0.2  # of lines that cross in their middle, as those of an X do
# the share of directions in which a frame lies, seen from the mark
AROUND = 0.33
AROUND_CORNER = 0.2


def strong(apart: np.ndarray) -> np.ndarray:
    """What stands out by more than grain, shade and ruled lines do; 0 elsewhere."""
    return np.maximum(apart - LEAST * max(float(apart.max()), FAINT), 0)


def of_mark(apart: np.ndarray, pieces: ink_pieces.Pieces) -> np.ndarray:
    """How strongly the mark stands out in each cell, 0 elsewhere; `pieces` are those of what is `strong`.

    Where there is no frame, all ink stays but reflections and lines that touch the edge and leave the middle out.
    """
    rest, frames = pieces.found, []
    while frame := _frame(rest, apart, pieces):
        frames.append(frame)
        rest = [piece for piece in rest if piece != frame and (not _boxed(frame) or frame.holds(piece))]
    if frames:  # ink that is fainter than theirs may be the mark's, too
        faint = ink_pieces.Pieces(strong(_without(frames, apart, pieces)))
        pieces, rest = (faint, faint.found) if faint.found else (pieces, rest)
    inner = [piece for piece in rest if not piece.leaves or piece.distance == 0] or rest
    if not all(_boxed(frame) for frame in frames):
        inner = ink_pieces.about(min(inner, key=lambda piece: (piece.distance, -piece.longest, piece.box)), inner)
    return np.where(pieces.cells(inner), pieces.ink, 0)


def _boxed(piece: ink_pieces.Piece) -> bool:
    """Whether it looks like a box, or like what of one is in the picture."""
    return piece.hollow and piece.hull.square >= SQUARE and piece.leaves <= 2


def _shaped(pieces: list[ink_pieces.Piece]) -> list[ink_pieces.Piece]:
    """Pieces that may be a frame, a board or a line, by their shape: boxes first, and those about the middle."""
    found = []
    for piece in pieces:
        ring = piece.hollow and CORNER <= piece.hull.square < SQUARE and piece.hull.broad > 0.5
        lines = piece.leaves and (piece.leaves >= 3 or piece.hull.broad < LINE or not ring)
        if piece.longest >= FRAME and (_boxed(piece) or lines):
            found.append(piece)
    return sorted(found, key=lambda piece: (not _boxed(piece), piece.off, piece.box))


def _frame(rest: list[ink_pieces.Piece], apart: np.ndarray, pieces: ink_pieces.Pieces) -> ink_pieces.Piece | None:
    """The first of the pieces that are left that has a mark in it, or beside it."""
    for frame in _shaped(rest):
        if _is_about(frame, pieces, rest) or _holds_faint(frame, apart, pieces):
            return frame
    return None


def _is_about(frame: ink_pieces.Piece, pieces: ink_pieces.Pieces, others: list[ink_pieces.Piece]) -> bool:
    """Whether a piece of a frame's shape has one of the others as a mark in it, or beside it."""
    share = INNER_OF_LINES if frame.leaves else INNER
    others = [other for other in others if other != frame and other.strength >= FAINTER * frame.strength]
    if _boxed(frame):
        held = [other for other in others if frame.holds(other)]
        left, top, right, bottom = ink_pieces.box_about(held) if held else (0, 0, 0, 0)
        return max(right - left, bottom - top) >= max(share * frame.longest, COMPACT)
    line = frame.hull.broad < LINE
    corner = frame.hull.square < CORNER and frame.leaves >= 2
    if not line and not frame.hollow:
        share = INNER_OF_CROSSING
    least = max(share * frame.longest, COMPACT)
    marks = [other for other in others if least <= other.longest < frame.longest and other.hull.broad >= BROAD]
    marks = [mark for mark in marks if not mark.leaves or (corner and mark.leaves == 1)]
    return any(line or pieces.around(frame, mark) >= (AROUND_CORNER if corner else AROUND) for mark in marks)


def _holds_faint(frame: ink_pieces.Piece, apart: np.ndarray, pieces: ink_pieces.Pieces) -> bool:
    """Whether a box has a mark in it that is too faint beside its own ink to be seen, or seen whole, with it."""
    if not _boxed(frame) or frame.leaves > 1 or frame.hull.square < BOX:
        return False
    seen = ink_pieces.Pieces(strong(_without([frame], apart, pieces))).drawn
    marks = [mark for mark in seen if mark.strength >= FAINT_IN_BOX * frame.strength]
    left, top, right, bottom = ink_pieces.box_about(marks) if marks else (0, 0, 0, 0)
    return max(right - left, bottom - top) >= max(INNER * frame.longest, COMPACT)


def _without(frames: list[ink_pieces.Piece], apart: np.ndarray, pieces: ink_pieces.Pieces) -> np.ndarray:
    """What stands out in the frames that are boxes, without the frames themselves and the cells beside their ink."""
    wide = np.pad(pieces.cells(frames), 1)
    wide = wide[:-2] | wide[1:-1] | wide[2:]
    left = np.where(wide[:, :-2] | wide[:, 1:-1] | wide[:, 2:], 0, apart)
    for frame in filter(_boxed, frames):
        left[: frame.top] = left[frame.bottom :] = left[:, : frame.left] = left[:, frame.right :] = 0
    return left
