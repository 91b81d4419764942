"""The arrows of docs/design: who may import whom, and what `ox --help` may load."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "ox_classifier"
# each room and the rooms of our own it may look into (its own is always allowed); every module belongs to one of them
GROUND = set("architectures caches console errors files intervals lettering pixels signals typefaces".split())
ALLOWED = {
    **{light: set() for light in GROUND},
    "typefaces": {"console"},
    "lettering": {"typefaces"},
    "devices": {"errors"},
    "data": GROUND,
    "synthetic": GROUND,
    "networks": GROUND,
    "runs": GROUND,
    "audit": GROUND | {"data"},
    "augmentation": GROUND | {"data"},
    "importers": GROUND | {"data"},
    "classifier": GROUND | {"data", "runs"},
    "training": GROUND | {"augmentation", "audit", "classifier", "data", "devices", "networks", "runs"},
    "report": GROUND | {"classifier", "data", "runs"},
    "inspection": GROUND | {"data", "networks", "report", "runs"},
    "cli": {"*"},
}
HEAVY = set("tensorflow keras numpy matplotlib seaborn sklearn PIL cv2 onnxruntime onnx rich".split())


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        yield ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"), path


def own_imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ox_classifier"):
            base = node.module.removeprefix("ox_classifier").lstrip(".")
            found |= {f"{base}.{alias.name}".lstrip(".") for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.removeprefix("ox_classifier.") for a in node.names if a.name.startswith("ox_classifier.")}
    return found


def inside(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=lambda value: value if isinstance(value, str) else "")
def test_arrows_go_one_way(name, path):
    if name in ("__init__", "__main__"):
        return  # the package's face and its door
    rooms = [room for room in ALLOWED if inside(name, room)]
    assert len(rooms) == 1, f"{name} belongs to no room: give it one in ALLOWED"
    allowed = ALLOWED[rooms[0]] | {rooms[0], "__version__"}
    strangers = {i for i in own_imports(path) if not any(inside(i, a) for a in allowed)}
    assert "*" in allowed or strangers == set()


def test_no_room_looks_into_one_that_looks_into_it():
    done = set()
    while len(done) < len(ALLOWED):
        free = {room for room, others in ALLOWED.items() if others - {"*"} <= done} - done
        assert free, f"a circle among {set(ALLOWED) - done}"
        done |= free


def _module(imported: str, known: dict) -> str:
    """The module that `imported` is, or is a name of."""
    return imported if imported in known else imported.rpartition(".")[0]


def test_no_circle_of_modules():
    known = dict(modules())
    arrows = {
        name: {_module(i, known) for i in own_imports(path)} & known.keys() - {name} for name, path in known.items()
    }
    done: set[str] = {"__init__"}
    while free := {name for name, others in arrows.items() if name not in done and others <= done}:
        done |= free
    assert set(arrows) - done == set()


def test_the_check_sees_an_arrow_that_goes_the_wrong_way(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from ox_classifier.networks import builders\nimport ox_classifier.cli.train\n")
    assert own_imports(wrong) == {"networks.builders", "cli.train"}


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
    lengths = []
    for name, path in modules():
        text = path.read_text()
        lengths.append(len(text.splitlines()))
        assert ast.get_docstring(ast.parse(text)), f"{name} has no docstring"
        assert path.stem not in ("utils", "helpers", "common", "core", "misc")
    assert sorted(lengths)[len(lengths) // 2] < 150
    assert max(lengths) <= 300
