"""The arrows between the rooms: who may import whom, and what `ox --help` may load."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "ox_classifier"
# each room and the rooms of our own it may look into (its own is always allowed); every module belongs to one of them
GROUND = set(
    "architectures caches console errors files intervals lettering limits names pixels signals staging".split()
) | {"tables", "typefaces", "wording"}
ALLOWED = {
    **{light: set() for light in GROUND},
    "console": {"names"},
    "typefaces": {"console"},
    "lettering": {"names", "typefaces"},
    "caches": {"errors"},
    "devices": {"errors"},
    "limits": {"errors"},
    "staging": {"console", "errors"},
    "tables": {"names"},
    "small_install": {"errors"},
    "data": GROUND,
    "synthetic": GROUND,
    "networks": GROUND,
    "runs": GROUND,
    "audit": GROUND | {"data"},
    "augmentation": GROUND | {"data"},
    "importers": GROUND | {"data"},
    "corrections": GROUND | {"data"},
    "onnx_file": GROUND,
    "activations": GROUND | {"onnx_file"},
    "reliability": set(),
    "session": GROUND | {"onnx_file"},
    "blank": set(),
    "decision": {"runs"},
    "exported": GROUND | {"runs"},
    "classifier": GROUND | {"activations", "blank", "data", "decision", "exported", "runs", "session"},
    "workforce": GROUND | {"classifier", "data"},
    "training": GROUND
    | {"augmentation", "audit", "blank", "decision", "devices", "classifier", "data", "networks", "reliability", "runs"}
    | {"session"},
    "report": GROUND | {"audit", "classifier", "data", "decision", "onnx_file", "reliability", "runs", "session"},
    "serving": GROUND | {"classifier", "data", "report"},
    "sheets": GROUND | {"classifier", "data", "report", "runs", "session"},
    "inspection": GROUND | {"data", "networks", "report", "runs"},
    "export": GROUND | {"classifier", "data", "devices", "exported", "networks", "report", "runs", "session"},
    "front": GROUND | {"augmentation", "classifier", "devices", "inspection", "report", "runs", "training"},
    "cli": {"*"},
}
RUFF = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
HEAVY = {*RUFF["flake8-tidy-imports"]["banned-module-level-imports"], "scipy", "pandas"}


def modules(package: Path = PACKAGE):
    for path in sorted(package.rglob("*.py")):
        yield ".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__"), path


def own_imports(path: Path, package: Path = PACKAGE) -> set[str]:
    """What of our own a module imports, wherever in it, without the `ox_classifier.` before it."""
    return _imported(ast.walk(ast.parse(path.read_text(encoding="utf-8"))), path, package)


def top_imports(path: Path, package: Path = PACKAGE) -> set[str]:
    """The same of what runs when the module is imported."""
    return _imported(ast.parse(path.read_text(encoding="utf-8")).body, path, package)


def _imported(nodes: Iterable[ast.AST], path: Path, package: Path) -> set[str]:
    found = set()
    folder = ("ox_classifier", *path.parent.relative_to(package).parts)
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            above = folder[: len(folder) - node.level + 1] if node.level else ()
            source = ".".join((*above, *filter(None, [node.module])))
            found |= {f"{source}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {f"{alias.name}.__init__" if alias.name == "ox_classifier" else alias.name for alias in node.names}
        elif isinstance(node, ast.Constant) and re.fullmatch(r"ox_classifier(\.\w+)+", str(node.value)):
            found.add(node.value)  # for importlib.import_module
    return {name.removeprefix("ox_classifier.") for name in found if name.startswith("ox_classifier.")}


def inside(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def wrong_arrows(name: str, path: Path, package: Path = PACKAGE) -> set[str]:
    """What a module imports that its room may not look into."""
    if name in ("__init__", "__main__"):
        return set()  # the package's face and its door
    rooms = [room for room in ALLOWED if inside(name, room)]
    if len(rooms) != 1:
        return {f"{name} belongs to no room: give it one in ALLOWED"}
    allowed = ALLOWED[rooms[0]] | {rooms[0], "__version__"}
    return {i for i in own_imports(path, package) if "*" not in allowed and not any(inside(i, a) for a in allowed)}


def circle(arrows: dict[str, set[str]]) -> set[str]:
    """What is left once all that looks only at what was taken before is taken away; empty if there is no circle."""
    done: set[str] = set()
    while free := {name for name, others in arrows.items() if name not in done and others <= done}:
        done |= free
    return arrows.keys() - done


def module_arrows(package: Path = PACKAGE, imports: Callable = own_imports) -> dict[str, set[str]]:
    """Which modules each module imports."""
    known = dict(modules(package)).keys() - {"__init__"}

    def module(imported: str) -> str:
        return imported if imported in known else imported.rpartition(".")[0]  # a name that a module holds

    return {
        name: {module(i) for i in imports(path, package)} & known - {name}
        for name, path in modules(package)
        if name in known
    }


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=lambda value: value if isinstance(value, str) else "")
def test_arrows_go_one_way(name, path):
    assert wrong_arrows(name, path) == set()


def test_every_room_is_there():
    """A room that has moved away would constrain nothing."""
    names = [name for name, _ in modules()]
    assert [room for room in ALLOWED if not any(inside(name, room) for name in names)] == []
    assert {other for others in ALLOWED.values() for other in others} - {"*"} <= ALLOWED.keys()


def test_no_circle_of_rooms_or_modules():
    assert circle({room: others - {"*"} for room, others in ALLOWED.items()}) == set()
    assert circle(module_arrows()) == set()


WRONG = {
    "from ox_classifier.networks import builders": "networks.builders",
    "from ox_classifier import networks": "networks",
    "from ox_classifier import Classifier": "Classifier",
    "from ox_classifier import *": "*",
    "import ox_classifier": "__init__",
    "import ox_classifier.cli.train": "cli.train",
    "import ox_classifier.cli.train as t": "cli.train",
    "from ..networks.weights import load": "networks.weights.load",
    "from .. import runs": "runs",
    "def f():\n    from ox_classifier.training.fit import fit": "training.fit.fit",
    "if 0:\n    import ox_classifier.report.write": "report.write",
    "import importlib\nimportlib.import_module('ox_classifier.networks.bases')": "networks.bases",
    "__import__('ox_classifier.cli')": "cli",
}


@pytest.fixture
def planted(tmp_path):
    """A package with a module data/planted.py of this text, and others that it is given."""

    def plant(text: str, **others: str) -> Path:
        (tmp_path / "data").mkdir(exist_ok=True)
        for name, body in {"planted": text, **others}.items():
            (tmp_path / "data" / f"{name}.py").write_text(body, encoding="utf-8")
        return tmp_path

    return plant


@pytest.mark.parametrize(("text", "found"), WRONG.items(), ids=WRONG)
def test_a_wrong_arrow_is_seen_however_it_is_written(planted, text, found):
    package = planted(text)
    assert wrong_arrows("data.planted", package / "data" / "planted.py", package) == {found}


def test_a_right_arrow_is_none_of_them(planted):
    package = planted("import csv\nfrom . import images\nfrom .images import read\nfrom ..errors import UsageError\n")
    assert wrong_arrows("data.planted", package / "data" / "planted.py", package) == set()


def test_a_module_without_a_room_is_seen(planted):
    package = planted("")
    (name,) = wrong_arrows("database", package / "data" / "planted.py", package)
    assert "belongs to no room" in name


def test_a_circle_of_modules_is_seen(planted):
    text, second = "from ox_classifier.data.second import a", "from . import third"
    package = planted(text, second=second, third="import ox_classifier.data.planted")
    assert circle(module_arrows(package)) == {"data.planted", "data.second", "data.third"}
    package = planted(text, second=second, third="")
    assert circle(module_arrows(package)) == set()


@pytest.mark.parametrize("line", ["--help", "train --help", "predict --help", "dataset --help", "--version"])
def test_help_loads_nothing_heavy(line):
    words = line.split()
    code = (
        f"import sys\nfrom ox_classifier.cli import app\ntry:\n    app({words})\n"
        "except SystemExit as end:\n    code = end.code\nprint(code, sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    last = done.stdout.splitlines()[-1]
    assert last.startswith("0 ")
    assert {name for name in HEAVY if f"'{name}'" in last} == set()


def test_every_module_is_small_and_says_what_it_is_for():
    lengths = {}
    for name, path in modules():
        text = path.read_text(encoding="utf-8")
        lengths[name] = len(text.splitlines())
        assert ast.get_docstring(ast.parse(text)), f"{name} has no docstring"
        assert path.stem not in ("utils", "helpers", "common", "core", "misc")
    assert statistics.median(lengths.values()) < 150
    assert {name: length for name, length in lengths.items() if length > 300} == {}
