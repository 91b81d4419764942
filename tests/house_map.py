"""The map of the package in docs/architecture.md, made from the modules' own first lines: python -m tests.house_map."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "architecture.md"
BEGIN, END = "<!-- map: python -m tests.house_map -->\n```\n", "```\n<!-- end of map -->"


def house_map() -> str:
    """One line a module, by full path, the files of the top before the rooms."""
    package = REPOSITORY / "ox_classifier"
    files = sorted(package.rglob("*.py"), key=lambda path: (path.parent != package, path.parent, path.name))
    names = {path: path.relative_to(REPOSITORY).as_posix().replace("__init__.py", "") for path in files}
    wide = max(map(len, names.values()))
    return "".join(f"{name:<{wide}}  {first_line(path)}\n" for path, name in names.items())


def first_line(path: Path) -> str:
    """What a module says of itself."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def written(page: str) -> str:
    """The map as it stands in the page."""
    return page.partition(BEGIN)[2].partition(END)[0]


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(text.replace(BEGIN + written(text) + END, BEGIN + house_map() + END), encoding="utf-8")
