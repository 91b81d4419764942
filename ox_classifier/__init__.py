"""Train, judge and use a classifier of hand-drawn O and X marks, or of any small folder of image classes."""

import os

__version__ = "0.1.0"

# ONNX Runtime's official wheels report their use to Microsoft unless this is set before they are imported
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
