"""Wrong run.json and CSV files, drawn by a seeded generator from right ones: what a stranger's run may hold."""

from __future__ import annotations

import copy
import csv
import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

VALUES = [
    None, True, False, 0, -1, 1, 3, 2**31, 2**63, 10**30, 0.5, 1e308, -1e308, float("nan"), float("inf"), "", " ", "x",
    "nan", "../..", "/etc/passwd", "a/b", "\x1b[31m", "=cmd()", "\udcff", "x" * 5000, "\n", [], {}, [[]], [None],
    ["o"], ["o", "o"], ["x", "o"], {"o": 1}, {"": {}},
]  # fmt: skip
CELLS = [
    "", " ", "nan", "inf", "-1", "0", "2", "1e999", "9" * 400, "None", "x", "o", "zebra", "train", "val", "test", "..",
    "/etc/passwd", ".", "val", "val/o", "val/o/none.png", "a\nb", "a\rb", "=cmd()", "\x1b]0;a\x07", "\udcff", '"', "'",
    "\x00", "x" * 3000, "１", "½",
]  # fmt: skip


def drawn(path: Path, rng: random.Random) -> tuple[str, bytes]:
    """What is done to a file, and its content then."""
    content = path.read_bytes()
    if rng.random() < 0.2:
        name, change = rng.choice(BYTES)
        return name, change(content, rng)
    if path.suffix == ".json":
        return _changed_json(json.loads(content), rng)
    rows = list(csv.reader(io.StringIO(content.decode("utf-8", "surrogateescape"), newline="")))
    name, change = rng.choice(TABLES)
    for _ in range(rng.choice((1, 1, 2, 5))):
        rows = change(rows, rng)
    return name, _table(rows)


def _table(rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def _changed_json(value: object, rng: random.Random) -> tuple[str, bytes]:
    value = copy.deepcopy(value)
    said = []
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        inside, key = rng.choice(list(_places(value)))
        said.append(f"{key}")
        if rng.random() < 0.2:
            del inside[key]
        elif rng.random() < 0.2 and isinstance(inside, dict):
            inside[rng.choice(["", "schema", "unknown", "o", "path"])] = inside.pop(key)
        else:
            inside[key] = copy.deepcopy(rng.choice(VALUES))
    return ",".join(said), json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogateescape")


def _places(value: object) -> Iterator[tuple[dict | list, str | int]]:
    """Each container in it with each of its keys."""
    if isinstance(value, dict | list):
        for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield value, key
            yield from _places(inner)


def _cell(rows: list[list[str]], rng: random.Random) -> list[list[str]]:
    row = rng.choice(rows)
    if row:
        row[rng.randrange(len(row))] = rng.choice(CELLS)
    return rows


def _column(rows: list[list[str]], rng: random.Random) -> list[list[str]]:
    place, cell = rng.randrange(len(rows[0]) or 1), rng.choice(CELLS)
    return [rows[0], *([*row[:place], cell, *row[place + 1 :]] for row in rows[1:])]


def _without_column(rows: list[list[str]], rng: random.Random) -> list[list[str]]:
    place = rng.randrange(len(rows[0]) or 1)
    return [[*row[:place], *row[place + 1 :]] for row in rows]


def _longer_row(rows: list[list[str]], rng: random.Random) -> list[list[str]]:
    rng.choice(rows).append(rng.choice(CELLS))
    return rows


def _shorter_row(rows: list[list[str]], rng: random.Random) -> list[list[str]]:
    row = rng.choice(rows)
    del row[rng.randrange(len(row) + 1) :]
    return rows


def _swapped_columns(rows: list[list[str]], rng: random.Random) -> list[list[str]]:
    order = list(range(len(rows[0])))
    rng.shuffle(order)
    return [rows[0], *([row[i] if i < len(row) else "" for i in order] for row in rows[1:])]


def _shuffled(rows: list[list[str]], rng: random.Random) -> list[list[str]]:
    rng.shuffle(rows)
    return rows


def _fewer(rows: list[list[str]], rng: random.Random) -> list[list[str]]:
    return [rows[0], *(row for row in rows[1:] if rng.random() < 0.5)]


TABLES: list[tuple[str, Callable]] = [
    ("a cell", _cell),
    ("cells", _cell),
    ("a column", _column),
    ("without a column", _without_column),
    ("a longer row", _longer_row),
    ("a shorter row", _shorter_row),
    ("swapped columns", _swapped_columns),
    ("shuffled", _shuffled),
    ("fewer rows", _fewer),
    ("a row twice", lambda rows, rng: [*rows, rng.choice(rows)]),
    ("no header", lambda rows, _: rows[1:] or [[]]),
    ("header only", lambda rows, _: rows[:1]),
]
BYTES: list[tuple[str, Callable]] = [
    ("empty", lambda _, __: b""),
    ("cut", lambda data, rng: data[: rng.randrange(len(data) + 1)]),
    ("zeros", lambda data, _: bytes(len(data))),
    ("utf-16", lambda data, _: data.decode("utf-8", "replace").encode("utf-16")),
    ("a mark before", lambda data, _: b"\xef\xbb\xbf" + data),
    ("bad utf-8", lambda data, rng: data.replace(b"o", b"\xff", rng.randrange(1, 9))),
    ("a quote", lambda data, rng: _put(data, rng, b'"')),
    ("a NUL", lambda data, rng: _put(data, rng, b"\0")),
    ("a semicolon", lambda data, _: data.replace(b",", b";")),
    ("old line ends", lambda data, _: data.replace(b"\n", b"\r")),
    ("noise", lambda data, rng: rng.randbytes(len(data))),
    ("twice", lambda data, _: data + data),
    ("html", lambda _, __: b"<html><body>404 Not Found</body></html>"),
]


def _put(data: bytes, rng: random.Random, what: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + what + data[place:]
