"""example.py of an exported folder: how a program without ox asks the model."""

from __future__ import annotations

from ox_classifier.export.formats import Format
from ox_classifier.pixels import PixelRule

TEXT = '''"""What the model answers: python example.py [PICTURE ...]; without one, the golden images, which are checked.

Needs: pip install {packages}
"""
import json
import sys
from pathlib import Path

import numpy as np
{imports}

import pixels  # pixels.py, beside this file

here = Path(__file__).resolve().parent
classes = json.loads((here / "model.json").read_text("utf-8"))["classes"]
golden = json.loads((here / "golden.json").read_text("utf-8"))
{opens}

for file in sys.argv[1:] or [here / "golden" / name for name in golden]:
    batch = pixels.read(file)[np.newaxis]  # float32 in [0, 1], shape (1, height, width, channels)
    answer = {asks}[0]
    if len(answer) == 1:  # of two classes, the probability of the second
        answer = np.array([1 - answer[0], answer[0]])
    print(f"{{file}}:", classes[answer.argmax()], *(f"{{name}} {{p:.4f}}" for name, p in zip(classes, answer)))
    if not sys.argv[1:]:
        expected = [golden[file.name][name] for name in classes]
        if np.abs(answer - expected).max() > {limit}:
            sys.exit(f"{{file.name}} was to give {{expected}}: this is not the model that was exported")
'''


def example(form: Format, rule: PixelRule, *, limit: float) -> str:
    """The program's text; `limit` is by how much a golden probability may differ."""
    packages = [form.package, "numpy", "pillow", *(["opencv-python-headless"] if rule.crop == "ink" else [])]
    return TEXT.format(
        packages=" ".join(packages), imports=form.imports, opens=form.opens, asks=form.asks, limit=f"{limit:g}"
    )
