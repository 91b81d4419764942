"""PNG files whose colour profile or text is larger than Pillow reads."""

from __future__ import annotations

import io
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
ASIDE = (b"iCCP", b"tEXt", b"zTXt", b"iTXt")  # chunks that no pixel depends on here


def pixels_only(file: BinaryIO) -> BinaryIO:
    """A PNG without its colour profile and texts; of a damaged one, all that follows the damage as it is."""
    kept = io.BytesIO()
    kept.write(file.read(len(SIGNATURE)))
    while len(head := file.read(8)) == 8:
        left = int.from_bytes(head[:4], "big") + 4  # its content and its checksum
        if head[4:] in ASIDE:
            file.seek(left, io.SEEK_CUR)
            continue
        kept.write(head)
        while part := file.read(min(left, 1 << 20)):
            kept.write(part)
            left -= len(part)
    kept.write(head)
    kept.seek(0)
    return kept
