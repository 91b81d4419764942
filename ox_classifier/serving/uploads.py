"""What a request brings: one image, or a form with several; read into memory alone, against limits."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from http import HTTPStatus

MOST_BYTES = 64 << 20  # of one request; a phone's photo has some 5 MB
MOST_IMAGES = 100
MOST_HEAD = 8192  # bytes before the content of a part of a form
LONGEST_NAME = 255
BLOCK = 1 << 20
WANTED = (
    "one image with Content-Type: image/... or application/octet-stream, or several as files of multipart/form-data"
)


class RefusedError(Exception):
    """A request that can't be answered: the HTTP status, and one sentence that says why."""

    def __init__(self, status: HTTPStatus, sentence: str):
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


@dataclass(frozen=True)
class Upload:
    """One file of a request: its name as it was sent, None where none was, and its bytes."""

    name: str | None
    content: bytes


def length_of(headers: Message) -> int:
    """How many bytes follow a request's headers, by what these say.

    Raises:
        RefusedError: If they don't say it, say it in a way that two readers may read differently, or it is too much.
    """
    if "Transfer-Encoding" in headers:
        said = "the request has a Transfer-Encoding: send it whole, with a Content-Length"
        raise RefusedError(HTTPStatus.LENGTH_REQUIRED, said)
    lengths = headers.get_all("Content-Length", [])
    if not lengths:
        raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "the request has no Content-Length: say how many bytes follow")
    if len(lengths) > 1 or not re.fullmatch(r"[0-9]{1,18}", lengths[0]):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "Content-Length: expected one number of bytes")
    length = int(lengths[0])
    if length > MOST_BYTES:
        most = f"{MOST_BYTES >> 20} MB"
        said = f"the request has {length:,} bytes: at most {most} are taken; send fewer or smaller images"
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, said)
    return length


def body(read: Callable[[int], bytes], length: int) -> bytes:
    """Exactly `length` bytes, some at a time, so that no memory is taken for what is only announced.

    Raises:
        RefusedError: If they end earlier.
    """
    parts, left = [], length
    while left:
        part = read(min(left, BLOCK))
        if not part:
            said = f"the request ended after {length - left:,} of the {length:,} bytes that it announced"
            raise RefusedError(HTTPStatus.BAD_REQUEST, said)
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def is_form(headers: Message) -> bool:
    """Whether a request holds files of a form, of which there may be several, and not one image.

    Raises:
        RefusedError: If it is neither.
    """
    kind = headers.get_content_type() if "Content-Type" in headers else "none"
    if kind == "multipart/form-data":
        return True
    if kind.startswith("image/") or kind == "application/octet-stream":
        return False
    said = f"Content-Type is {kind[:80]}: expected {WANTED}"
    raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, said)


def files_of(headers: Message, content: bytes) -> list[Upload]:
    """The files of a form, in its order; fields that are no files are left out.

    Raises:
        RefusedError: If it is damaged, holds no file, or too many.
    """
    boundary = headers.get_param("boundary")
    if not isinstance(boundary, str) or not 1 <= len(boundary) <= 70 or not boundary.isascii():
        raise _damaged("no boundary of 1 to 70 letters stands in its Content-Type")
    delimiter = b"\r\n--" + boundary.encode("ascii")
    _, *parts = (b"\r\n" + content).split(delimiter, MOST_IMAGES * 2)
    if not parts or not parts[-1].startswith(b"--"):
        raise _damaged("it does not end with its boundary, or has too many parts")
    found = []
    for part in parts[:-1]:
        line, _, rest = part.partition(b"\r\n")
        head, blank, data = (b"\r\n" + rest).partition(b"\r\n\r\n")
        if line.strip() or not blank or len(head) > MOST_HEAD:
            raise _damaged("a part has no head")
        told = HeaderParser().parsestr(head.decode("utf-8", "replace").strip("\r\n") + "\n\n")
        name = _name(told)
        if name is not None or told.get_content_maintype() == "image":
            found.append(Upload(name and name[:LONGEST_NAME], data))
    if not found:
        raise _damaged("it has no file")
    if len(found) > MOST_IMAGES:
        said = f"the form has {len(found)} files: at most {MOST_IMAGES} are taken at once"
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, said)
    return found


def _name(told: Message) -> str | None:
    """The name of a part's file as browsers send it, whose < > and backslashes `get_filename` would change."""
    quoted = re.search(r';\s*filename="([^"]*)"', told.get("Content-Disposition", ""))
    return quoted[1] if quoted else told.get_filename()


def _damaged(why: str) -> RefusedError:
    return RefusedError(
        HTTPStatus.BAD_REQUEST, f"the form can't be read: {why}; expected multipart/form-data with files"
    )
