"""`ox serve` as a process, asked over real connections: the answers of `ox predict`, whatever else is sent."""

from __future__ import annotations

import errno
import http.client
import io
import json
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from ox_classifier import __version__
from ox_classifier.classifier import Classifier
from ox_classifier.cli import app
from ox_classifier.errors import UsageError
from ox_classifier.serving import handler, server, uploads
from tests.conftest import REPOSITORY

RUN = REPOSITORY / "tests" / "data" / "lenet-22"
IMAGES = sorted((REPOSITORY / "dataset" / "test" / "x").iterdir())[:6]
PROGRAM = [sys.executable, "-m", "ox_classifier", "serve"]


@contextmanager
def serving(*words: object, run: Path = RUN, cwd: Path | None = None, program: Sequence[str] = PROGRAM):
    """The process, and the address that it printed."""
    command = [*program, str(run), "--port", "0", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd) as process:
        try:
            url = process.stdout.readline().strip()
            assert url.startswith("http://"), process.stderr.read()
            yield process, url
        finally:
            process.kill()


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    place = tmp_path_factory.mktemp("serving")
    with serving(cwd=place) as (process, url):
        yield url
        assert process.poll() is None  # nothing of what was sent has ended it
    assert list(place.iterdir()) == []  # nothing is stored


def ask(url: str, data: bytes | None = None, *, method: str | None = None, **headers: str):
    """Status, headers and what the JSON says."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.headers, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, error.headers, json.loads(error.read())


def form(files, boundary: str = "bound") -> tuple[bytes, str]:
    """A body of (name, bytes) as browsers send it, and its Content-Type."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, content in files
    ]
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def raw(url: str, text: bytes, seconds: float = 20) -> tuple[int, dict]:
    """Status and JSON of what is answered to these very bytes."""
    host, port = url.removeprefix("http://").strip("/").split(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        connection.sendall(text)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, json.loads(response.read())


def png_of(width: int, height: int) -> bytes:
    """A PNG of one colour, far smaller than the pixels that it holds."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packed = zlib.compressobj(9)
    rows = b"".join(packed.compress(bytes(width + 1)) for _ in range(height)) + packed.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def predicted():
    """What `ox predict --json` says of the images."""
    result = CliRunner().invoke(app, ["predict", *map(str, IMAGES), "--run", str(RUN), "--json"])
    return [json.loads(line) for line in result.stdout.splitlines()]


def assert_same(row: dict, expected: dict) -> None:
    assert list(row) == list(expected)
    assert {**row, "path": None, "probabilities": None} == {**expected, "path": None, "probabilities": None}
    assert row["probabilities"] == pytest.approx(expected["probabilities"], abs=2e-6)


# answers


@pytest.mark.parametrize("kind", ["image/jpeg", "image/png", "application/octet-stream", "IMAGE/X-ANY; a=b"])
def test_one_image_is_answered_as_by_ox_predict(url, predicted, kind):
    status, headers, row = ask(f"{url}predict", IMAGES[0].read_bytes(), Content_Type=kind)
    assert status == 200 and row["path"] is None and headers["Content-Type"] == "application/json; charset=utf-8"
    assert_same(row, predicted[0])


def test_a_form_is_answered_image_by_image_in_its_order(url, predicted):
    body, kind = form([(f"{i} 한국 {path.name}", path.read_bytes()) for i, path in enumerate(IMAGES)])
    status, _, rows = ask(f"{url}predict", body, Content_Type=kind)
    assert status == 200 and [row["path"] for row in rows] == [f"{i} 한국 {p.name}" for i, p in enumerate(IMAGES)]
    for row, expected in zip(rows, predicted, strict=True):
        assert_same(row, expected)
    body, kind = form([("one.png", IMAGES[0].read_bytes())])
    assert_same(ask(f"{url}predict", body, Content_Type=kind)[2][0], predicted[0])


def test_what_is_no_image_has_a_row_that_says_why(url):
    status, _, row = ask(f"{url}predict", b"hello", Content_Type="image/png")
    assert status == 422 and row == {"path": None, "error": "not an image: it begins with the text 'hello'"}
    assert ask(f"{url}predict", b"", Content_Type="image/png")[::2] == (
        422,
        {"path": None, "error": "the file is empty (0 bytes)"},
    )
    body, kind = form([("a.png", b"hello"), ("b.png", IMAGES[0].read_bytes())])
    status, _, rows = ask(f"{url}predict", body, Content_Type=kind)
    assert status == 200 and rows[0]["error"].startswith("not an image") and rows[1]["answer"] == "x"
    body, kind = form([("a.png", b"hello"), ("b.png", IMAGES[0].read_bytes()[:300])])
    status, _, rows = ask(f"{url}predict", body, Content_Type=kind)
    assert status == 422 and all(set(row) == {"path", "error"} for row in rows)


def test_fields_of_a_form_that_are_no_files_are_left_out(url):
    body, kind = form([("a.png", IMAGES[0].read_bytes())])
    field = b'--bound\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
    assert len(ask(f"{url}predict", field + body, Content_Type=kind)[2]) == 1
    status, _, said = ask(f"{url}predict", field + b"--bound--\r\n", Content_Type=kind)
    assert status == 400 and "it has no file" in said["error"]


def test_health_says_which_run_answers(url):
    status, headers, said = ask(f"{url}health")
    assert status == 200 and said == {"run": "lenet-22", "classes": ["o", "x"], "version": __version__}
    assert headers["Server"] == f"ox/{__version__}" and headers["X-Content-Type-Options"] == "nosniff"


def test_many_at_once_are_all_answered_as_one_after_the_other(url, predicted):
    bodies = [path.read_bytes() for path in IMAGES]

    def one(i: int):
        return i % len(bodies), ask(f"{url}predict", bodies[i % len(bodies)], Content_Type="image/jpeg")

    with ThreadPoolExecutor(200) as pool:
        found = list(pool.map(one, range(200)))
    for i, (status, _, row) in found:
        assert status == 200
        assert_same(row, predicted[i])


def test_a_connection_takes_one_request_after_the_other(url, predicted):
    host = url.removeprefix("http://").strip("/")
    connection = http.client.HTTPConnection(host, timeout=20)
    for path, expected in zip(IMAGES, predicted, strict=True):
        connection.request("POST", "/predict", path.read_bytes(), {"Content-Type": "image/jpeg"})
        same = connection.sock
        assert_same(json.loads(connection.getresponse().read()), expected)
        assert connection.sock is same
    connection.close()


# requests that nobody means

HEAD = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\n"


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        (HEAD + b"\r\n", 411, "no Content-Length"),
        (HEAD + b"Content-Length: -5\r\n\r\n", 400, "expected one number"),
        (HEAD + b"Content-Length: 1e3\r\n\r\n", 400, "expected one number"),
        (HEAD + b"Content-Length: +5\r\n\r\nhello", 400, "expected one number"),
        (HEAD + "Content-Length: ٥\r\n\r\nhello".encode(), 400, "expected one number"),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400, "expected one number"),
        (HEAD + b"Content-Length: 999999999999999999\r\n\r\nhello", 413, "at most 64 MB"),
        (HEAD + b"Content-Length: %s\r\n\r\n" % (b"9" * 5000), 400, "expected one number"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZZ\r\nnonsense\r\n0\r\n\r\n", 411, "Transfer-Encoding"),
        (HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello", 411, "Transfer-Encoding"),
        (HEAD + b"Expect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n", 413, "at most 64 MB"),
        (b"GET /../../../etc/passwd HTTP/1.1\r\n\r\n", 404, "nothing here"),
        (b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n\r\n", 404, "nothing here"),
        (b"GET //etc/passwd HTTP/1.1\r\n\r\n", 404, "nothing here"),
        (b"GET http://[::1 HTTP/1.1\r\n\r\n", 404, "nothing here"),
        (b"GET / HTTP/9.9\r\n\r\n", 505, "9.9"),
        (b"BREW /predict HTTP/1.1\r\n\r\n", 501, "BREW"),
        (b"GET /%s HTTP/1.1\r\n\r\n" % (b"a" * 70_000), 414, "Long"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", 431, "headers"),
        (b"GET / HTTP/1.1\r\na: %s\r\n\r\n" % (b"b" * 70_000), 431, "Line too long"),
    ],
    ids=lambda value: value[-60:] if isinstance(value, bytes) else None,
)
def test_a_bad_request_gets_a_sentence(url, text, status, said):
    found, told = raw(url, text)
    assert found == status and list(told) == ["error"] and said in told["error"] and "\n" not in told["error"]


def test_who_asks_first_whether_to_send_is_told_to_go_on(url, predicted):
    host, port = url.removeprefix("http://").strip("/").split(":")
    content = IMAGES[0].read_bytes()
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(content))
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(content)
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert_same(json.loads(response.read()), predicted[0])


def test_a_request_that_ends_early_gets_a_sentence(url):
    host, port = url.removeprefix("http://").strip("/").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(HEAD + b"Content-Length: 50\r\n\r\nhello")
        connection.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.status == 400 and b"after 5 of the 50 bytes" in response.read()


def test_a_refused_request_hides_no_second_one(url):
    """Where the content was not read it is never taken for the next request."""
    inner = b"GET /health HTTP/1.1\r\n\r\n"
    outer = b"GET / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(inner)
    host, port = url.removeprefix("http://").strip("/").split(":")
    for first in (outer, outer.replace(b"GET", b"PUT"), outer.replace(b"GET /", b"POST /nowhere")):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(first + inner)
            answered = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answered.count(b"HTTP/1.1 ") == 1 and b"Connection: close" in answered


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "application/json", "image"])
def test_another_kind_of_content_is_refused_with_what_to_send(url, kind):
    status, _, said = ask(f"{url}predict", IMAGES[0].read_bytes(), Content_Type=kind)
    assert status == 415 and "multipart/form-data" in said["error"]


@pytest.mark.parametrize(("path", "method", "allowed"), [("predict", "GET", "POST"), ("", "POST", "GET, HEAD")])
def test_another_method_is_refused_with_those_that_work(url, path, method, allowed):
    status, headers, said = ask(url + path, b"" if method == "POST" else None, method=method)
    assert status == 405 and headers["Allow"] == allowed and method in said["error"]


def test_a_body_over_the_limit_is_refused_while_it_is_sent(url):
    status, _, said = ask(f"{url}predict", bytes(uploads.MOST_BYTES + 1), Content_Type="image/png")
    assert status == 413 and "at most 64 MB" in said["error"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--\r\n"),
        ("multipart/form-data; boundary=", b"--\r\n"),
        ("multipart/form-data; boundary=a", b""),
        ("multipart/form-data; boundary=a", b"--a\r\nContent-Disposition: form-data; filename=b\r\n\r\nhello"),
        ("multipart/form-data; boundary=a", b"--a--\r\n"),
        ("multipart/form-data; boundary=a", b"--a\r\nno head--a--"),
        ("multipart/form-data; boundary=a", b"--a\r\n" + b"x: y\r\n" * 9000 + b"\r\n\r\nb\r\n--a--"),
        ("multipart/form-data; boundary=a", b"--a\r\n\r\n" * 100_000),
        ("multipart/form-data; boundary=" + "a" * 5000, b""),
        ("multipart/form-data; boundary*=utf-8''%C3%A4", b""),
    ],
)
def test_a_damaged_form_is_refused(url, kind, body):
    status, _, said = ask(f"{url}predict", body, Content_Type=kind)
    assert status == 400 and said["error"].startswith("the form can't be read")


def test_too_many_images_are_refused(url):
    body, kind = form([("a.png", b"")] * (uploads.MOST_IMAGES + 1))
    status, _, said = ask(f"{url}predict", body, Content_Type=kind)
    assert status == 413 and "101 files: at most 100" in said["error"]


def test_names_are_only_names(url):
    names = [
        "../../etc/passwd",
        "<script>alert(1)</script>",
        "a\x1b[31m",
        "x" * 5000,
        "C:\\a.png",
        "%0d%0aSet-Cookie: a",
    ]
    body, kind = form([(name, b"") for name in names])
    status, headers, rows = ask(f"{url}predict", body, Content_Type=kind)
    assert status == 422 and [row["path"] for row in rows] == [name[:255] for name in names]
    assert "Set-Cookie" not in headers


def test_a_decompression_bomb_is_refused(url):
    bomb = png_of(20_000, 20_000)
    assert len(bomb) < 1_000_000
    status, _, row = ask(f"{url}predict", bomb, Content_Type="image/png")
    assert status == 422 and row["error"] == "over 60 million pixels"


def test_whoever_sends_slowly_holds_no_place_for_long(url, monkeypatch):
    """As many slow senders as there are places: a byte every half second, and who comes then is answered."""
    host, port = url.removeprefix("http://").strip("/").split(":")
    slow = [socket.create_connection((host, int(port)), timeout=20) for _ in range(server.MOST_CONNECTIONS)]
    begun = time.monotonic()
    try:
        for connection in slow:
            connection.sendall(b"GET / HTTP/1.1\r\n")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(ask, f"{url}health")
            while not waiting.done() and time.monotonic() - begun < 30:
                for connection in slow:
                    try:
                        connection.sendall(b"a")
                    except OSError as error:
                        assert error.errno in (errno.EPIPE, errno.ECONNRESET)
                time.sleep(0.5)
            status, headers, said = waiting.result(timeout=1)
        if status == 503:  # it waited for a place, and was told
            assert headers["Retry-After"] == "1" and "too many" in said["error"]
            time.sleep(max(0, begun + handler.HEAD_SECONDS + 1 - time.monotonic()))
            status, _, _ = ask(f"{url}health")
        assert status == 200
    finally:
        for connection in slow:
            connection.close()


# a server in this process, whose limits are small


@contextmanager
def here(monkeypatch, **limits: float):
    """A server of which one may ask much, with other limits; gives it and its address."""
    for name, value in limits.items():
        for module in (server, handler):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, value)
    listening = server.Server("127.0.0.1", 0)
    thread = threading.Thread(target=listening.serve, args=(Classifier.load(RUN), "lenet-22"), daemon=True)
    thread.start()
    try:
        yield listening, listening.url
    finally:
        listening.shutdown()
        thread.join(timeout=20)


def test_images_that_come_too_slowly_are_refused(monkeypatch):
    with here(monkeypatch, BODY_SECONDS=1.0) as (_, url):
        host, port = url.removeprefix("http://").strip("/").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
            begun = time.monotonic()
            with pytest.raises(OSError):  # each byte alone would be soon enough
                while time.monotonic() - begun < 10:
                    connection.sendall(b"a")
                    time.sleep(0.2)
                    connection.settimeout(0.01)
                    with suppress(TimeoutError):
                        answered = connection.recv(65536)
                        assert b" 408 " in answered.partition(b"\r\n")[0]
                        raise OSError
            assert 0.8 < time.monotonic() - begun < 5


def test_who_finds_no_place_is_told_when_to_ask_again(monkeypatch):
    with here(monkeypatch, MOST_CONNECTIONS=1, WAIT_SECONDS=0.2) as (_, url):
        host, port = url.removeprefix("http://").strip("/").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as first:
            first.sendall(b"GET /health HTTP/1.1\r\n")
            time.sleep(0.2)
            with socket.create_connection((host, int(port)), timeout=20) as second:
                response = http.client.HTTPResponse(second)  # nothing is sent: what is said must not get lost
                response.begin()
                assert response.status == 503 and response.headers["Retry-After"] == "1"
                assert "too many ask at once" in json.loads(response.read())["error"]
            first.sendall(b"Connection: close\r\n\r\n")
            assert first.recv(100).startswith(b"HTTP/1.1 200 ")
        time.sleep(0.3)
        assert ask(f"{url}health")[0] == 200


@pytest.mark.parametrize(
    ("error", "status", "sentence", "said"),
    [
        (UsageError("model.onnx can't answer"), 500, "model.onnx can't answer", "model.onnx can't answer"),
        (MemoryError(), 503, "the memory is full", ""),
        (KeyError("a secret"), 500, "the server made a mistake", "KeyError: 'a secret'"),
    ],
)
def test_an_error_costs_one_request(monkeypatch, capfd, error, status, sentence, said):
    def broken(*_):
        raise error

    monkeypatch.delenv("OX_DEBUG", raising=False)
    with here(monkeypatch) as (listening, url):
        image = IMAGES[0].read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr(listening.classifier, "predict", broken)
            found, _, told = ask(f"{url}predict", image, Content_Type="image/jpeg")
        assert found == status and told["error"].startswith(sentence) and "secret" not in told["error"]
        assert ask(f"{url}predict", image, Content_Type="image/jpeg")[0] == 200
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == bool(said) and said in "".join(lines)


def test_a_slow_sender_of_large_images_holds_back_no_more_than_their_memory(monkeypatch):
    """What is announced is reserved: who brings more than is left waits, and is answered then."""
    with here(monkeypatch, MOST_HELD=5000, BODY_SECONDS=1.5) as (_, url):
        host, port = url.removeprefix("http://").strip("/").split(":")
        image = min((path.read_bytes() for path in IMAGES), key=len)
        with socket.create_connection((host, int(port)), timeout=20) as slow:
            slow.sendall(HEAD + b"Content-Length: 4990\r\n\r\n")
            time.sleep(0.2)
            begun = time.monotonic()
            assert ask(f"{url}predict", image, Content_Type="image/jpeg")[0] == 200
            assert time.monotonic() - begun > 1


# the command


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_in_a_sentence_and_what_was_asked_is_answered(number, code, predicted):
    with serving() as (process, url):
        host, port = url.removeprefix("http://").strip("/").split(":")
        idle = socket.create_connection((host, int(port)), timeout=20)
        with ThreadPoolExecutor(1) as pool:
            body, kind = form([(path.name, path.read_bytes()) for path in IMAGES * 16])
            asked = pool.submit(ask, f"{url}predict", body, Content_Type=kind)
            time.sleep(0.1)
            process.send_signal(number)
            try:
                status, _, rows = asked.result(timeout=20)
                assert status == 200 and len(rows) == 96
            except (urllib.error.URLError, ConnectionError):
                pass  # the signal was faster than the request
        assert process.wait(timeout=20) == code
        said = process.stderr.read()
        assert said.splitlines()[-1] == "ox: interrupted" and "Traceback" not in said
        idle.close()
        with pytest.raises(urllib.error.URLError):
            ask(f"{url}health")


def test_it_says_what_answers_and_where(url):
    with serving(run=RUN) as (process, where):
        assert where.startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        assert process.stderr.read().splitlines()[:2][0].startswith("run lenet-22 (lenet), network of")
        assert process.stdout.read() == ""


def test_on_every_address_it_says_who_may_ask():
    with serving("--host", "0.0.0.0") as (process, where):
        assert ask(f"http://127.0.0.1:{where.strip('/').rpartition(':')[2]}/health")[0] == 200
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        (line,) = [line for line in process.stderr.read().splitlines() if line.startswith("everyone")]
        assert f"at {where} may ask: there is no password" in line


def test_ctrl_c_just_after_a_request_is_never_lost():
    """A third of such presses once were: raised where nothing passes an exception on."""

    def press(_) -> int:
        with serving() as (process, where):
            assert ask(f"{where}health")[0] == 200
            process.send_signal(signal.SIGINT)
            return process.wait(timeout=10)

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(press, range(9))) == [130] * 9


def test_always_answer_names_a_class(tmp_path):
    grey = io.BytesIO()
    Image.new("RGB", (60, 60), (128, 128, 128)).save(grey, "PNG")
    with serving("--always-answer", "--threads", 1) as (_, url):
        row = ask(f"{url}predict", grey.getvalue(), Content_Type="image/png")[2]
    assert row["answer"] in ("o", "x") and row["reason"] is None


@pytest.mark.parametrize("host", ["192.0.2.7", "no such name", "1.5", "::ffff:300.1.1.1"])
def test_an_address_of_another_machine_is_refused(host):
    result = CliRunner().invoke(app, ["serve", str(RUN), "--host", host, "--port", "0"])
    assert result.exit_code == 2 and result.stderr.startswith(f"ox: --host {host} is no address")
    assert len(result.stderr.splitlines()) == 1


def test_a_port_in_use_is_one_sentence(url):
    port = url.strip("/").rpartition(":")[2]
    result = CliRunner().invoke(app, ["serve", str(RUN), "--port", port])
    assert result.exit_code == 2 and result.stdout == ""
    assert result.stderr == (
        f"ox: --port {port} is taken: another program listens there; give another --port, or 0 for any that is free\n"
    )


def test_a_run_that_is_not_there_is_one_sentence(tmp_path):
    result = CliRunner().invoke(app, ["serve", str(tmp_path / "none"), "--port", "0"])
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1 and result.stdout == ""
