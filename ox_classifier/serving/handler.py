"""One connection: requests read with suspicion and against the clock, answered in JSON; the page for people."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from types import MappingProxyType
from typing import Protocol
from urllib.parse import urlsplit

from ox_classifier import __version__
from ox_classifier.data.memory import Memory
from ox_classifier.serving import uploads
from ox_classifier.serving.deadline import DeadlineReader
from ox_classifier.serving.uploads import RefusedError, Upload
from ox_classifier.tables import json_line

HEAD_SECONDS = 10.0  # for a request's headers, and between two requests of a connection
BODY_SECONDS = 60.0  # for its images
SEND_SECONDS = 10.0
# what is still read of a refused request, so that its sender gets to know
LINGER_SECONDS, LINGER_BYTES = 2.0, 128 << 20
JSON, HTML = "application/json; charset=utf-8", "text/html; charset=utf-8"
ROUTES = {"/": ("GET", "HEAD"), "/health": ("GET", "HEAD"), "/predict": ("POST",)}
SAFE = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
NO_MORE: Mapping[str, str] = MappingProxyType({})


class Answering(Protocol):
    """What answers: the page with its Content-Security-Policy, the health as JSON, and rows for what was sent."""

    page: tuple[str, str]
    health: str
    held: Memory  # of the images of all requests
    answering: threading.Semaphore  # for as many requests as are answered at once

    def rows(self, found: list[Upload]) -> list[dict]: ...


class Handler(BaseHTTPRequestHandler):
    """The requests of one connection, one after the other."""

    server: Answering
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # an answer goes out with its head in one piece

    def setup(self) -> None:
        super().setup()
        with suppress(OSError):  # an answer goes out at once, whatever is still on its way
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self.reader = DeadlineReader(self.connection)
        self.rfile.close()
        self.rfile = io.BufferedReader(self.reader, 1 << 16)
        self.unread = False

    def handle_one_request(self) -> None:
        self.reader.allow(HEAD_SECONDS)
        super().handle_one_request()

    def finish(self) -> None:
        if self.unread:
            with suppress(OSError):
                self._linger()
        super().finish()

    def parse_request(self) -> bool:
        found = super().parse_request()
        # whatever follows is no next request until it was read as this one's content
        self.unread = found and not {"Content-Length", "Transfer-Encoding"}.isdisjoint(self._names())
        return found

    def handle_expect_100(self) -> bool:
        """Say what is wrong before any image is sent."""
        try:
            self._refuse_route(self.command)
            uploads.is_form(self.headers)
            uploads.length_of(self.headers)
        except RefusedError as refused:
            self.close_connection = True
            self._refuse(refused)
            return False
        found = super().handle_expect_100()
        self.wfile.flush()
        return found

    def do_GET(self) -> None:
        self._answer(self.command)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET

    def _answer(self, method: str) -> None:
        try:
            path = self._refuse_route(method)
            if path == "/predict":
                self._predict()
            elif path == "/health":
                self._send(HTTPStatus.OK, self.server.health)
            else:
                text, policy = self.server.page
                self._send(HTTPStatus.OK, text, HTML, {"Content-Security-Policy": policy})
        except RefusedError as refused:
            self._refuse(refused)
        except TimeoutError:
            self._refuse(RefusedError(HTTPStatus.REQUEST_TIMEOUT, f"the images took over {BODY_SECONDS:.0f} s to come"))

    def _refuse_route(self, method: str) -> str:
        try:
            path = urlsplit(self.path).path
        except ValueError:
            path = ""
        if path not in ROUTES:
            said = (
                "there is nothing here: / is the page, POST /predict takes images, GET /health says which run answers"
            )
            raise RefusedError(HTTPStatus.NOT_FOUND, said)
        if method not in ROUTES[path]:
            said = f"{path} takes {' and '.join(ROUTES[path])}, not {method[:20]}"
            raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, said)
        return path

    def _predict(self) -> None:
        form, length = uploads.is_form(self.headers), uploads.length_of(self.headers)
        with self.server.held.reserve(length):
            self.reader.allow(BODY_SECONDS)
            content = uploads.body(self.rfile.read1, length)
            self.unread = False
            found = uploads.files_of(self.headers, content) if form else [Upload(None, content)]
            with self.server.answering:
                rows = self.server.rows(found)
                failed = all("error" in row for row in rows)
                status = HTTPStatus.UNPROCESSABLE_ENTITY if failed else HTTPStatus.OK
                self._send(status, json_line(rows if form else rows[0]) + "\n")

    def _refuse(self, refused: RefusedError) -> None:
        more = {}
        if refused.status == HTTPStatus.METHOD_NOT_ALLOWED:
            more = {"Allow": ", ".join(ROUTES[urlsplit(self.path).path])}
        self._send(refused.status, json.dumps({"error": refused.sentence}, ensure_ascii=False) + "\n", more=more)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server itself finds wrong with a request, in JSON, too."""
        self.close_connection = self.unread = True
        self.request_version = self.protocol_version  # of a request in no version that it knows it would send no head
        status = HTTPStatus(code)
        self._refuse(RefusedError(status, message or status.phrase))

    def _send(self, status: HTTPStatus, text: str, kind: str = JSON, more: Mapping[str, str] = NO_MORE) -> None:
        data = text.encode("utf-8", "backslashreplace")
        self.close_connection = self.close_connection or self.unread
        self.connection.settimeout(SEND_SECONDS)
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(data)), **SAFE, **more}
        headers |= {"Connection": "close"} if self.close_connection else {}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        self.wfile.flush()

    def _linger(self) -> None:
        """Read on for a moment: closing at once would make the answer vanish with what the sender still sends."""
        self.connection.shutdown(socket.SHUT_WR)
        self.reader.allow(LINGER_SECONDS)
        left = LINGER_BYTES
        while left > 0 and (part := self.rfile.read1(1 << 16)):
            left -= len(part)

    def _names(self) -> set[str]:
        return {name.title() for name in self.headers}

    def version_string(self) -> str:
        return f"ox/{__version__}"

    def log_message(self, *_: object) -> None:
        """Nothing is written down of who asks what."""
