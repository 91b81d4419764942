"""ox asks nothing of the network: training, report and prediction in a process that may not, and that reports it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import draw_folder

# an audit hook sees whatever Python code does, however it was imported, and can't be taken away again
WATCH = """
import os, sys

ASKING = "socket.connect socket.sendto socket.sendmsg socket.getaddrinfo socket.gethostbyname socket.gethostbyaddr"
ASKING = {*ASKING.split(), "urllib.Request"}

def watch(event, args):
    where = args[1] if len(args) > 1 else args
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg") and isinstance(where, (str, bytes)):
        return  # a socket of this machine's own
    if event in ASKING:
        with open(os.environ["ATTEMPTS"], "a") as file:
            file.write(f"{event} {args}\\n")
        raise OSError("the network is off")

sys.addaudithook(watch)
"""
RUN = """
import sys
from ox_classifier.cli import app
for words in sys.argv[1:]:
    try:
        app(words.split())
    except SystemExit as end:
        if end.code:
            sys.exit(f"ox {words} ended with {end.code}")
"""


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """Run Python with the network off in a folder with some marks; gives what was tried and what was said on stderr."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(WATCH)
    (tmp_path / "attempts").touch()
    draw_folder(tmp_path / "marks", {"train": 6, "val": 3, "test": 3})
    path = os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])
    # what a user has who is on no CI: ONNX Runtime, for one, doesn't report from there
    own = {"PYTHONPATH": path, "ATTEMPTS": str(tmp_path / "attempts"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment = {k: v for k, v in os.environ.items() if k not in ("CI", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY")}

    def run(code: str, *words: str) -> tuple[str, str]:
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            cwd=tmp_path,
            env=environment | own,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return (tmp_path / "attempts").read_text(), done.stderr

    return run


@pytest.mark.tensorflow
def test_train_report_and_predict_ask_nothing_of_the_network(offline, tmp_path):
    tried, said = offline(
        RUN,
        "train --data marks --image-size 32 --epochs 1 --name quiet",
        "report quiet",
        "predict marks/test --run quiet",
    )
    assert tried == ""
    assert (tmp_path / "runs" / "quiet" / "report").is_dir()
    assert not (tmp_path / "cache" / "Microsoft").exists()  # where ONNX Runtime keeps what it is going to report
    # nor does a library say anything that nobody asked for: every line is ours
    assert [line for line in said.splitlines() if "CUDA" in line or "oneDNN" in line or "Warning" in line] == []


@pytest.mark.parametrize(
    "attempt",
    [
        "import socket; socket.create_connection(('192.0.2.1', 80))",
        "import socket; socket.getaddrinfo('example.invalid', 80)",
        "import urllib.request; urllib.request.urlopen('http://example.invalid')",
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('192.0.2.1', 53))",
    ],
)
def test_an_attempt_would_be_seen(offline, attempt):
    tried, _ = offline(
        f"try:\n    {attempt}\nexcept OSError as error:\n    assert 'network is off' in str(error), error"
    )
    assert tried


def test_onnx_runtime_is_told_not_to_report():
    """It reads this when it is imported, so the package sets it before any of its modules can do so."""
    code = "import os, ox_classifier; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    for given, found in ((None, "1"), ("0", "0")):  # who sets it otherwise is obeyed
        environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
        environment |= {"ORT_DISABLE_TELEMETRY": given} if given else {}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == found
