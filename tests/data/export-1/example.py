"""What the model answers: python example.py [PICTURE ...]; without one, the golden images, which are checked.

Needs: pip install onnxruntime numpy pillow
"""
import json
import sys
from pathlib import Path

import numpy as np
import os
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before its import, or it reports its use to Microsoft
import onnxruntime

import pixels  # pixels.py, beside this file

here = Path(__file__).resolve().parent
told = json.loads((here / "model.json").read_text("utf-8"))
golden = json.loads((here / "golden.json").read_text("utf-8"))
session = onnxruntime.InferenceSession(here / "model.onnx", providers=["CPUExecutionProvider"])

for file in sys.argv[1:] or [here / "golden" / name for name in golden]:
    batch = pixels.read(file)[np.newaxis]  # float32 in [0, 1], shape (1, height, width, channels)
    answer = session.run(None, {"pixels": batch})[0][0]
    if len(answer) == 1:  # of two classes, the probability of the second
        answer = np.array([1 - answer[0], answer[0]])
    sure = answer.max() >= (told["unsure"] or {"threshold": 0})["threshold"]
    shown = (f"{name} {p:.4f}" for name, p in zip(told["classes"], answer))
    print(f"{file}:", told["classes"][answer.argmax()] if sure else "unsure", *shown)
    if not sys.argv[1:] and np.abs(answer - [golden[file.name][name] for name in told["classes"]]).max() > 0.02:
        sys.exit(f"golden.json has {golden[file.name]}: this is not the model that was exported")
