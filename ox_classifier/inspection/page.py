"""One HTML page, its pictures within it, of what was found inside a network."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from ox_classifier.names import printable

STYLE = """
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 62rem; padding: 1.2rem 1rem 4rem; background: #fff; color: #22272e;
  font: 16px/1.55 system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: .2rem 0; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .4rem; padding-bottom: .3rem; border-bottom: 1px solid #d7dce1; }
h3 { font-size: 1.02rem; margin: 1.8rem 0 .3rem; }
p { margin: .4rem 0; max-width: 46rem; }
nav a { margin-right: 1.1rem; color: #2f6fb0; }
.wide { overflow-x: auto; }
.wide img { display: block; width: 100%; max-width: 48rem; margin: .8rem 0; }
.wide img.small { max-width: 34rem; }
.wide img.drawn { width: auto; max-width: 100%; }
table { border-collapse: collapse; font-size: .93rem; }
th { text-align: left; color: #6b7480; font-weight: 500; }
th, td { padding: .28rem 1.1rem .28rem 0; border-bottom: 1px solid #edf0f2; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
summary { cursor: pointer; color: #2f6fb0; margin: .6rem 0; }
"""


@dataclass(frozen=True)
class Picture:
    """A PNG of the page, what it shows in words (for readers who can't see it), and how large it is shown."""

    path: Path
    text: str
    kind: str = ""  # "small" or "drawn" (a diagram of any shape); empty: as wide as the page


@dataclass(frozen=True)
class Section:
    """A heading with sentences and pictures under it; `more` are pictures folded away at first."""

    heading: str
    sentences: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    more: Sequence[Picture] = ()


@dataclass(frozen=True)
class Chapter:
    """A part of the page: sections under one heading, with a table (first row: column names) before them if given."""

    heading: str
    sentences: Sequence[str] = ()
    table: Sequence[Sequence[str]] = ()
    pictures: Sequence[Picture] = ()
    sections: Sequence[Section] = ()


def html(title: str, sentences: Sequence[str], chapters: Sequence[Chapter]) -> str:
    """The page, its pictures within it, so that it can be mailed as one file."""
    links = "".join(f'<a href="#part{i}">{_escaped(c.heading)}</a>' for i, c in enumerate(chapters))
    parts = [f"<h1>{_escaped(title)}</h1>", *_paragraphs(sentences), f"<nav>{links}</nav>"]
    for number, chapter in enumerate(chapters):
        parts.append(f'<h2 id="part{number}">{_escaped(chapter.heading)}</h2>')
        parts += [*_paragraphs(chapter.sentences), _table(chapter.table), *map(_picture, chapter.pictures)]
        for section in chapter.sections:
            parts += [f"<h3>{_escaped(section.heading)}</h3>", *_paragraphs(section.sentences)]
            parts += map(_picture, section.pictures)
            if section.more:
                parts += ["<details><summary>more pictures</summary>", *map(_picture, section.more), "</details>"]
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_escaped(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _paragraphs(sentences: Sequence[str]) -> list[str]:
    return [f"<p>{_escaped(sentence)}</p>" for sentence in sentences]


def _picture(picture: Picture) -> str:
    data = base64.b64encode(picture.path.read_bytes()).decode("ascii")
    look = f' class="{picture.kind}"' if picture.kind else ""
    return f'<div class="wide"><img{look} alt="{_escaped(picture.text)}" src="data:image/png;base64,{data}"></div>'


def _table(rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = []
    for number, row in enumerate(rows):
        tag = "td" if number else "th"
        cells = "".join(f"<{tag}{_numeric(rows, column)}>{_escaped(text)}</{tag}>" for column, text in enumerate(row))
        lines.append(f"<tr>{cells}</tr>")
    return f'<div class="wide"><table>\n{chr(10).join(lines)}\n</table></div>'


def _numeric(rows: Sequence[Sequence[str]], column: int) -> str:
    """Right-aligned when every cell under the heading is a number."""
    return ' class="number"' if all(row[column].replace(",", "").isdecimal() for row in rows[1:]) else ""


def _escaped(text: str) -> str:
    """A text as HTML: names of files and classes may hold anything."""
    return escape(printable(text))
