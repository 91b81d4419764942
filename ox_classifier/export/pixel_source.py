"""pixels.py of an exported folder: the pixel rule as a file of its own, made from the text of ox' own modules."""

from __future__ import annotations

import ast
import base64
import importlib
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterator

from ox_classifier.data import locator_file
from ox_classifier.data.images import COLORS, PILLOW_FORMATS
from ox_classifier.errors import OxError
from ox_classifier.pixels import PixelRule

OWN = "ox_classifier"
PACKAGES = {"numpy": "numpy", "PIL": "pillow"}
WEIGHTS = locator_file.__name__  # a module whose file becomes text
FUTURE = "from __future__ import annotations"
HEAD = '''"""A picture → the pixels that this network was trained on and must be asked with.

`read` gives what ox' own decoder gives, bit for bit; what stands below it is the text of ox (ox-classifier, MIT).
Needs: pip install {packages}
"""
'''
READ = '''
HEIGHT, WIDTH, MODE = {height}, {width}, "{mode}"
FORMATS = {formats}
AT_LEAST = {at_least}  # a large JPEG is decoded at half, a quarter or an eighth of its size, but never under this


def read(file) -> np.ndarray:
    """A file (a path, or an open one) as float32 in [0, 1], shape (HEIGHT, WIDTH, {channels})."""
    with Image.open(file, formats=FORMATS) as opened:
        turn = opened.getexif().get(0x0112, 1)
        if opened.format in ("JPEG", "MPO"):
            opened.draft(None, (AT_LEAST, AT_LEAST))
        opened.load()
        upright = ImageOps.exif_transpose(opened) if turn in range(2, 9) else opened
        image = on_white(eight_bits(upright)).convert(MODE)
    box = {box}
    if box or image.size != (WIDTH, HEIGHT):
        image = image.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR, box=box)
    return np.asarray(image).reshape(HEIGHT, WIDTH, {channels}).astype(np.float32) * np.float32(1 / 255)
'''
EMBEDDED = '''import base64


def content() -> bytes:
    return base64.b64decode(LOCATOR)


LOCATOR = """
{text}
"""
'''


def pixel_source(rule: PixelRule) -> str:
    """The text of a module without ox whose `read` gives what `data.images.read` and `as_float` give by the rule.

    Raises:
        OxError: If two of the modules it is made of use one name for two things.
    """
    cropped = rule.crop == "ink"
    modules = ["ox_classifier.data.levels", *(["ox_classifier.data.ink_crop"] if cropped else [])]
    parts = _parts(modules)
    found = {line for part in parts for line in part.imports} - {"from PIL import Image", FUTURE}
    read = READ.format(
        height=rule.height,
        width=rule.width,
        mode=COLORS[rule.color],
        formats=json.dumps(PILLOW_FORMATS).replace("[", "(").replace("]", ")"),
        at_least=2 * max(rule.detail),
        channels=rule.shape[2],
        box="region(image)" if cropped else "None",
    )
    standard, others = (
        "\n".join(sorted((line for line in found if _standard(line) == kind), key=lambda line: line.split()[1]))
        for kind in (True, False)
    )
    imports = "\n\n".join([FUTURE, *filter(None, [standard]), f"{others}\nfrom PIL import Image, ImageOps\n"])
    head = HEAD.format(packages=" ".join(packages(imports)))
    return "\n\n".join([f"{head}\n{imports}{read}", *(part.body for part in parts)]).rstrip() + "\n"


def packages(text: str) -> list[str]:
    """What pip calls the packages that such a text imports."""
    found = re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE)
    return [package for module, package in PACKAGES.items() if module in found]


def _standard(line: str) -> bool:
    """Whether an import is of Python's own library."""
    return line.split()[1].partition(".")[0] in sys.stdlib_module_names


def _weights() -> str:
    """The text of what reads the locator's file, with the file in it."""
    return EMBEDDED.format(text="\n".join(textwrap.wrap(base64.b64encode(locator_file.content()).decode(), 120)))


class _Part:
    """One module's text without its docstring and imports, and what it imports of other packages and of ox."""

    def __init__(self, name: str):
        source = _weights() if name == WEIGHTS else inspect.getsource(importlib.import_module(name))
        tree = ast.parse(source)
        self.imports: list[str] = []
        self.needs: list[str] = []
        aliases = []
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(OWN):
                self.needs += [f"{node.module}.{alias.name}" for alias in node.names]
                aliases += [alias.name for alias in node.names]
            elif isinstance(node, ast.Import | ast.ImportFrom):
                self.imports.append(ast.unparse(node))
        rest = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
        first = rest[1] if ast.get_docstring(tree) else rest[0]
        body = "\n".join(source.splitlines()[first.lineno - 1 :])
        for alias in aliases:
            body = body.replace(f"{alias}.", "")  # in one file a module's names stand beside the others
        self.body = body.strip() + "\n"
        self.names = set(_names(rest))


def _parts(modules: list[str]) -> list[_Part]:
    """The modules and those of ox that they import, each once."""
    found: dict[str, _Part] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = _Part(name)
            waiting += found[name].needs
    parts = list(found.values())
    names = [name for part in parts for name in part.names]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise OxError(f"pixels.py can't be written: {', '.join(twice)} means two things in {', '.join(found)}")
    return parts


def _names(nodes: list[ast.stmt]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
