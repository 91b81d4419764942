"""The walks in docs/architecture.md, made from what each command really imports: python -m tests.walks."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import draw_folder
from tests.house_map import PAGE
from tests.test_layers import ALLOWED, inside

BEGIN, END = "<!-- walks: python -m tests.walks -->\n", "<!-- end of walks -->"
TRAIN = "train --data marks --epochs 1"
COMMANDS = {
    "ox train --arch lenet": f"{TRAIN} --image-size 22 --name lenet",
    "ox train --arch vgg16": f"{TRAIN} --arch vgg16 --weights none --image-size 32 --name vgg16",
    "ox report": "report lenet",
    "ox predict": "predict marks/test --run lenet",
    "ox dataset check": "dataset check marks",
}
SHARED = ("command", "exit_codes", "sentences", "panels", "augmentation_options")  # of cli, for several commands
# what a room does in a command, where the command uses it
SENTENCES = {
    "cli": "reads the options, makes a few calls and prints one answer",
    "inspection": "looks inside the network",
    "training": "checks the recipe, looks at the data, trains, and writes the run",
    "report": "asks the classifier about every image and makes every view from one table",
    "classifier": "answers for images through ONNX Runtime",
    "session": "opens model.onnx once it is known to be a classifier and nothing else",
    "onnx_file": "looks through the file before that",
    "augmentation": "varies the training images, seeded by run, epoch and image",
    "audit": "measures every file and finds duplicates, leaks and unreadable files",
    "networks": "builds the network; for a frozen base, loads its weights and extracts features",
    "data": "lists, splits and decodes the files",
    "runs": "makes, finds, reads and writes run folders",
    "devices": "sets TensorFlow up and says which processor it uses",
}
LISTING = """
import sys
from ox_classifier.__main__ import main
try:
    main()
finally:
    names = sorted(name.removeprefix("ox_classifier.") for name in sys.modules if name.startswith("ox_classifier."))
    open(sys.argv[0] + ".modules", "w").write("\\n".join(names))
"""


def floors() -> dict[str, int]:
    """The floor of each room: one above the highest that it looks into."""
    known: dict[str, int] = {}
    rooms = {room: others for room, others in ALLOWED.items() if "*" not in others}
    while len(known) < len(rooms):
        for room, others in rooms.items():
            if room not in known and others <= known.keys():
                known[room] = 1 + max((known[other] for other in others), default=-1)
    return known | {room: 1 + max(known.values()) for room in ALLOWED if room not in known}


def loaded(place: Path, words: str) -> list[str]:
    """The modules of ours that a command has imported when it ends, without the faces of packages."""
    script = place / "walk.py"
    script.write_text(LISTING)
    environment = os.environ | {"OX_CACHE": str(place / "cache"), "PYTHONPATH": str(PAGE.parent.parent)}
    subprocess.run(
        [sys.executable, script, *words.split()], cwd=place, env=environment, check=True, capture_output=True
    )
    names = (place / "walk.py.modules").read_text().split()
    return [name for name in names if not any(other.startswith(f"{name}.") for other in names) and name != "__main__"]


def walk(modules: list[str]) -> str:
    """One line a room, from the top floor down; the ground floor, which every room uses, in one line."""
    by_room = {room: [name for name in modules if inside(name, room)] for room in ALLOWED}
    height = floors()
    lines = []
    for room in sorted((room for room in by_room if by_room[room]), key=lambda room: -height[room]):
        if room in SENTENCES:
            names = ", ".join(f"`{name}`" for name in by_room[room])
            lines.append(f"- **{room}** {SENTENCES[room]}: {names}")
    ground = sorted(name for room in by_room if room not in SENTENCES for name in by_room[room])
    return "\n".join([*lines, f"- the ground floor: {', '.join(f'`{name}`' for name in ground)}"])


def _of_another(name: str, command: str) -> bool:
    """Whether a module of cli belongs to another command: these are imported, but have nothing to do."""
    own = command.removeprefix("ox ").partition(" --")[0].replace(" ", "_")
    return name.startswith("cli.") and name.removeprefix("cli.") not in (own, *SHARED)


def main() -> None:
    """Write every walk into the page."""
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        draw_folder(place / "marks", {"train": 6, "val": 3, "test": 3})
        for command, words in COMMANDS.items():
            modules = [name for name in loaded(place, words) if not _of_another(name, command)]
            parts.append(f"### `{command}`\n\n{walk(modules)}\n")
    text = PAGE.read_text(encoding="utf-8")
    old = text.partition(BEGIN)[2].partition(END)[0]
    PAGE.write_text(text.replace(BEGIN + old + END, BEGIN + "\n" + "\n".join(parts) + "\n" + END), encoding="utf-8")


if __name__ == "__main__":
    main()
