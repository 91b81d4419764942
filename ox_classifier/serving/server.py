"""A classifier behind a port: how many may ask at once, what they are told, and how it ends."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import sys
import threading
import traceback
from contextlib import suppress
from http import HTTPStatus
from http.server import ThreadingHTTPServer

from ox_classifier import __version__, signals
from ox_classifier.classifier import Classifier, Prediction
from ox_classifier.console import say
from ox_classifier.data.images import ImageError
from ox_classifier.data.memory import Memory
from ox_classifier.errors import OxError, UsageError
from ox_classifier.serving.handler import Handler
from ox_classifier.serving.page import page
from ox_classifier.serving.uploads import RefusedError, Upload
from ox_classifier.tables import json_line

MOST_CONNECTIONS = 64
MOST_HELD = 256 << 20  # bytes of images of all requests together; whoever brings more waits
WAIT_SECONDS = 5.0  # for a place among the connections
ENDING_SECONDS = 5.0  # for answers that were begun when the server is stopped
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n"
    b"Retry-After: 1\r\nConnection: close\r\n\r\n%s"
)
BUSY_SENTENCE = b'{"error": "too many ask at once: ask again in a second"}\n'


class Server(ThreadingHTTPServer):
    """Listens from its construction on, and answers once it is given a classifier by `serve`.

    Raises:
        UsageError: If `host` is no address of this machine, or another program listens on `port`.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, host: str, port: int):
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            self.address_family, *_, address = found[0]
        except (OSError, UnicodeError, OverflowError):
            raise UsageError(f"--host {host[:80]} is no address: give one of this machine, such as 127.0.0.1") from None
        try:
            super().__init__(address, Handler)
        except OSError as error:
            raise UsageError(_why_not(host, port, error)) from None
        self.slots = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self.places = os.cpu_count() or 1
        self.answering = threading.Semaphore(self.places)
        self.held = Memory(MOST_HELD)

    @property
    def is_local(self) -> bool:
        """Whether nobody but this machine can ask."""
        return ipaddress.ip_address(self.server_address[0].partition("%")[0]).is_loopback

    @property
    def url(self) -> str:
        """Where it is to be asked; of a server that listens everywhere, by this machine's address in its network."""
        host = self.server_address[0]
        if ipaddress.ip_address(host.partition("%")[0]).is_unspecified:
            host = _own_address(self.address_family) or host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.server_address[1]}/"

    def serve(self, classifier: Classifier, name: str) -> None:
        """Answer until the program is stopped; answers that were begun by then are given."""
        self.classifier = classifier
        unsure = "" if classifier.decision.always else classifier.decision.unsure
        self.page = page(name, classifier.classes, unsure)
        told = {"run": name, "classes": classifier.classes, "version": __version__}
        self.health = json_line(told) + "\n"
        try:
            with signals.deferred():  # an interrupt between a request and its thread might be lost
                self.serve_forever(poll_interval=0.1)
        finally:
            self.socket.close()
            for _ in range(self.places):
                self.answering.acquire(timeout=ENDING_SECONDS / self.places)

    def rows(self, found: list[Upload]) -> list[dict]:
        """The answer to each image, as `ox predict --json` gives it.

        Raises:
            RefusedError: If the network can't answer, or the memory is full.
        """
        try:
            if len(found) == 1:
                answers = [self._one(found[0].content)]
            else:
                answers = list(self.classifier.predict(upload.content for upload in found))
        except MemoryError:
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "the memory is full: send smaller images") from None
        except OxError as error:
            say(f"a request could not be answered: {error}")
            raise RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, str(error)) from None
        except Exception as error:  # a mistake of ours costs one request, not the server
            _tell(error)
            said = "the server made a mistake, of which its own output says more"
            raise RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, said) from None
        return [{"path": upload.name} | one.as_data() for upload, one in zip(found, answers, strict=True)]

    def _one(self, content: bytes) -> Prediction:
        try:
            return self.classifier.predict(content)
        except ImageError as error:
            return Prediction(None, None, error, self.classifier.classes)

    def service_actions(self) -> None:
        """Between two requests, or each tenth of a second: the place to stop."""
        signals.check()

    def process_request(self, request: socket.socket, client_address: tuple) -> None:
        """A thread for each connection, as long as there is a place for one."""
        if self.slots.acquire(timeout=WAIT_SECONDS):
            try:
                super().process_request(request, client_address)
            except BaseException:  # no thread was begun that would give the place back
                self.slots.release()
                raise
            return
        request.settimeout(0.1)
        with suppress(OSError):
            request.sendall(BUSY % (len(BUSY_SENTENCE), BUSY_SENTENCE))
        self.shutdown_request(request)

    def process_request_thread(self, request: socket.socket, client_address: tuple) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.slots.release()

    def handle_error(self, request: socket.socket, client_address: tuple) -> None:
        """A client that went away is no error of ours; anything else is said, and the others are answered on."""
        error = sys.exception()
        if not isinstance(error, OSError):
            _tell(error)


def _tell(error: BaseException) -> None:
    say(f"a request could not be answered ({type(error).__name__}: {' '.join(str(error).split())[:200]})")
    if os.environ.get("OX_DEBUG"):
        traceback.print_exception(error)


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"--port {port} is taken: another program listens there; give another --port, or 0 for any that is free"
    if error.errno == errno.EACCES:
        return f"--port {port} needs rights that you lack: give a --port of 1024 or more"
    return f"--host {host[:80]} is no address of this machine ({error.strerror or error}): give one, such as 127.0.0.1"


def _own_address(family: int) -> str | None:
    """This machine's address in its network, as a connection to elsewhere would have it; nothing is sent."""
    far = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}[family]
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            return probe.getsockname()[0]
    except OSError:
        return None
