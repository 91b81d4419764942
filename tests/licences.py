"""The licences of all that requirements.lock installs, as docs/licences.md: python -m tests.licences."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, files, metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "licences.md"
LOCK = REPOSITORY / "requirements.lock"
HEAD = """# Licences

What `make install` and `make test` install, with the licence that each package states of itself. ox itself is MIT.
The extras are installed only when asked for: `gpu` brings NVIDIA's own licences, `heic` brings x265 (GPL).

| package | licence | asked for by |
|---|---|---|
"""
CLASSIFIER = "License :: OSI Approved :: "


def locked() -> dict[str, str]:
    """Version of each package in the lock file, by canonical name."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


def requirements() -> dict[str, list[Requirement]]:
    """What pyproject.toml asks for: "ox" itself, and "dev" for its tests."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = {"ox": project["dependencies"], "dev": project["optional-dependencies"]["dev"]}
    return {name: [Requirement(text) for text in texts] for name, texts in lists.items()}


def licence(package: str) -> str:
    """What an installed package states: an expression, else its classifiers, else the first line of its text."""
    about = metadata(package)
    if about["License-Expression"]:
        return about["License-Expression"]
    classifiers = [text.removeprefix(CLASSIFIER) for text in about.get_all("Classifier") or () if CLASSIFIER in text]
    return (
        ", ".join(classifiers) or (about["License"] or _named_in_text(package) or "not stated").strip().splitlines()[0]
    )


def _named_in_text(package: str) -> str:
    """The licence that the licence file of a package names, for one that states it nowhere else."""
    for file in files(package) or ():
        if file.name.upper().startswith("LICEN"):
            found = re.search(r"Apache License, Version 2\.0|MIT License|BSD License", file.read_text())
            return found[0] if found else ""
    return ""


def page() -> str:
    """The page; a package of the lock that is not installed here keeps the licence that stands there."""
    asked = {canonicalize_name(r.name): who for who, wanted in requirements().items() for r in wanted}
    lines, known = [], written()
    for name in sorted(locked()):
        try:
            stated = licence(name)
        except PackageNotFoundError:
            stated = known.get(name, "not installed here")
        lines.append(f"| {name} | {stated} | {asked.get(name, 'another package')} |\n")
    return HEAD + "".join(lines)


def written() -> dict[str, str]:
    """The licences on the page as it stands, by package."""
    rows = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines()] if PAGE.exists() else []
    return {row[0].removeprefix("| "): row[1] for row in rows if len(row) == 3 and row[0] != "| package"}


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
