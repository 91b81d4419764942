"""What the model answers: python example.py [PICTURE ...]; without one, the golden images, which are checked.

Needs: pip install onnxruntime numpy pillow
"""
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

import pixels  # pixels.py, beside this file

here = Path(__file__).resolve().parent
classes = json.loads((here / "model.json").read_text("utf-8"))["classes"]
golden = json.loads((here / "golden.json").read_text("utf-8"))
session = onnxruntime.InferenceSession(here / "model.onnx", providers=["CPUExecutionProvider"])

for file in sys.argv[1:] or [here / "golden" / name for name in golden]:
    batch = pixels.read(file)[np.newaxis]  # float32 in [0, 1], shape (1, height, width, channels)
    answer = session.run(None, {"pixels": batch})[0][0]
    if len(answer) == 1:  # of two classes, the probability of the second
        answer = np.array([1 - answer[0], answer[0]])
    print(f"{file}:", classes[answer.argmax()], *(f"{name} {p:.4f}" for name, p in zip(classes, answer)))
    if not sys.argv[1:]:
        expected = [golden[file.name][name] for name in classes]
        if np.abs(answer - expected).max() > 0.02:
            sys.exit(f"{file.name} was to give {expected}: this is not the model that was exported")
