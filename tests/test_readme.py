"""The README's commands are commands that exist, and its map is the map of the files."""

from __future__ import annotations

import pkgutil
import re
import shlex
import tomllib

import pytest
import typer

from ox_classifier.cli import app
from tests import house_map, test_layers, walks
from tests.conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PAGES = [REPOSITORY / "README.md", REPOSITORY / "dataset" / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
ROOT = typer.main.get_command(app)


def commands(text: str) -> list[str]:
    """Lines of code blocks that call ox, without prompt, redirection and comment."""
    blocks = re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL)
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [re.split(r" [>|#]|\s&& ", line)[0].strip() for line in lines if line.startswith("ox ")]


def parse(line: str) -> None:
    """Let typer read the options of a command without running it."""
    words = shlex.split(line)[1:]
    command, path = ROOT, "ox"
    while hasattr(command, "commands") and words and words[0] in command.commands:
        path, command, words = f"{path} {words[0]}", command.commands[words[0]], words[1:]
    if "--help" in words or "--version" in words:
        return
    command.make_context(path, words)


ALL = [(page.name, line) for page in PAGES if page.exists() for line in commands(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(("page", "line"), ALL, ids=[f"{page}: {line}" for page, line in ALL])
def test_every_command_shown_is_a_command(page, line):
    parse(line)


def test_a_wrong_option_would_be_seen():
    with pytest.raises(Exception, match="No such option"):
        parse("ox train --no-such-option")


def test_every_command_stands_in_the_readme():
    names = [*ROOT.commands, *(f"dataset {name}" for name in ROOT.commands["dataset"].commands)]
    assert [name for name in names if f"ox {name}" not in README] == []


def test_the_map_is_what_the_modules_say():
    page = house_map.PAGE.read_text(encoding="utf-8")
    assert house_map.written(page) == house_map.house_map(), "python -m tests.house_map brings it up to date"


@pytest.mark.tensorflow
def test_the_glossary_names_what_the_code_has():
    rows = re.findall(r"^\| .* \| `([\w.]+)` \|$", house_map.PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) >= 10
    for name in rows:
        pkgutil.resolve_name(f"ox_classifier.{name}")


def test_walks_name_modules_that_exist_each_once_and_go_down():
    page = house_map.PAGE.read_text(encoding="utf-8").partition(walks.BEGIN)[2].partition(walks.END)[0]
    height, modules = walks.floors(), dict(test_layers.modules())
    parts = page.split("### ")[1:]
    assert [part.partition("`\n")[0].strip("`") for part in parts] == list(walks.COMMANDS)
    for part in parts:
        lines = [line for line in part.splitlines() if line.startswith("- **")]
        rooms = [line.partition("**")[2].partition("**")[0] for line in lines]
        assert [height[room] for room in rooms] == sorted((height[room] for room in rooms), reverse=True)
        named = re.findall(r"`([a-z_.]+)`", part.partition("\n")[2])
        assert len(named) == len(set(named)) and set(named) <= modules.keys(), "python -m tests.walks"


def test_the_readme_names_every_room():
    rooms = [path.parent.name for path in (REPOSITORY / "ox_classifier").glob("*/__init__.py")]
    assert [room for room in rooms if f" {room}/ " not in README] == []


def test_pictures_and_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name} points to {target}"


def test_two_commands_are_targets_of_the_makefile():
    makefile = (REPOSITORY / "Makefile").read_text()
    for target in set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE)) | {"demo", "test"}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_packages_named_in_messages_install():
    """ox itself is on no package index, so `pip install 'ox-classifier[heic]'` would install a stranger or nothing."""
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    known = {re.split(r"[<>=]", name)[0] for names in extras.values() for name in names} | {"tensorflow-metal"}
    named = set()
    for path in (REPOSITORY / "ox_classifier").rglob("*.py"):
        text = path.read_text()
        assert "ox-classifier[" not in text, path
        named |= {name.strip("'") for name in re.findall(r"pip install ('?[\w\[\]-]+'?)", text)}
    assert named <= known
    assert {"pillow-heif", "pydot", "tensorflow[and-cuda]"} <= named
