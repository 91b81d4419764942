"""The bytes of a table → its rows: which encoding and which separator its writer used."""

from __future__ import annotations

import codecs
import csv
import io
import locale
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from ox_classifier.errors import UsageError

SEPARATORS = ",;\t|"
EXCEL_SEPARATOR = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # the first line by which Excel is told the separator
OLDER = ("cp949", "cp1252")  # what Excel writes as "CSV" in Korea and in western Europe
BYTES = "utf-8 with unreadable bytes"  # file names of Linux need not be UTF-8

Row = tuple[int, dict[str, str]]  # the line it ends in, and its cells by column


def texts(path: Path) -> Iterator[tuple[str, str]]:
    """The content as text with the name of its encoding; several, the likeliest first, where the bytes don't tell.

    Raises:
        UsageError: If the file is cut off in the middle of a UTF-16 character.
    """
    content = path.read_bytes()
    encoding = _told(content)
    if encoding:
        try:
            yield content.decode(encoding).removeprefix("\ufeff"), encoding
        except UnicodeDecodeError as error:
            raise UsageError(f"{path} begins as {encoding} but is damaged ({error}): save it as CSV UTF-8") from None
        return
    for name in dict.fromkeys((locale.getencoding().lower(), *OLDER)):
        try:
            yield content.decode(name), name
        except UnicodeDecodeError:
            continue
    yield content.decode("utf-8", "surrogateescape"), BYTES


def rows(path: Path, text: str, known: Collection[str], *, strip: bool = True) -> tuple[list[str], list[Row]]:
    """Column names in lower case, and every row that isn't blank.

    The separator is the one by which the first line has most of the `known` columns. Without `strip`, cells keep the
    spaces at their ends, as a name of a file may have some.

    Raises:
        UsageError: If it is no table, a known column stands there twice, or a row has more cells than the first line.
    """
    separator, told = _separator(text, known)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        if told:
            next(reader)
        header = [cell.strip().lower() for cell in next(reader, [])]
        found = [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        raise UsageError(f"{path} is no CSV ({error}): expected text with a line for each image") from None
    twice = [name for name in known if header.count(name) > 1]
    if twice:
        raise UsageError(f"{path} has two columns {twice[0]}: keep one")
    for number, cells in found:
        if any(map(str.strip, cells[len(header) :])):
            raise UsageError(
                f"{path}, line {number}: {len(cells)} cells where the first line has {len(header)}: "
                f"put a name that holds {separator!r} in double quotes"
            )
    return header, [
        (number, dict(zip(header, map(str.strip, cells) if strip else cells, strict=False))) for number, cells in found
    ]


def columns(text: str, known: Collection[str]) -> list[str]:
    """Column names as they are written."""
    separator, told = _separator(text, known)
    return _cells((re.split(r"\r\n|[\r\n]", text, maxsplit=2)[told:] or [""])[0], separator)


def _separator(text: str, known: Collection[str]) -> tuple[str, bool]:
    """The separator, and whether a first line of its own tells it; where no column is known, that of most columns."""
    first = re.split(r"[\r\n]", text, maxsplit=1)[0]
    told = EXCEL_SEPARATOR.fullmatch(first)
    if told:
        return told[1], True
    split = {sign: _cells(first, sign) for sign in SEPARATORS}
    return max(
        SEPARATORS, key=lambda sign: (sum(name.lower() in known for name in split[sign]), len(split[sign]))
    ), False


def _told(content: bytes) -> str | None:
    """The encoding, where the bytes leave no doubt."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if content[:2].count(0) == 1:  # UTF-16 without its mark, in which a Latin letter has one zero byte
        return "utf-16-be" if content[0] == 0 else "utf-16-le"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return "utf-8"


def _cells(line: str, separator: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error:
        return []
