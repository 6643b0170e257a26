"""A page for a browser on this machine, and what it asks for.

Only this machine can reach it (127.0.0.1), only requests that name it as their host are answered (a page of another
site whose name was made to lead here names that), and only under a path that begins with a secret (other users of the
machine do not have it). It answers GET, reads no body, and writes nothing.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from gasfield.errors import InputError

HOST = "127.0.0.1"
_AT_ONCE = 16
"""Requests that are answered at a time."""
_CONNECTIONS = 64
"""Connections at a time, whoever opens them: each takes a thread."""
_SECONDS = 20.0
"""After which a silent connection is closed."""
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Of every answer."""


def unusable_port(port: int, fault: OSError | OverflowError) -> InputError:
    """The error for a port at which the system does not let a server listen."""
    reason = fault.strerror if isinstance(fault, OSError) else "ports are 0 to 65535"
    message = f"cannot be used: {reason}. Without it, a free one is taken."
    return InputError(message, parameter="port", value=port)


class Answering(Protocol):
    """What is behind the secret path."""

    def answer(self, path: list[str]) -> tuple[str, bytes]:
        """Type and content of what has a path, which is split at its slashes: [""] is the page itself.

        Raises:
            LookupError, ValueError: if there is nothing of this name.
            InputError: if it cannot be read.
        """
        ...


class Server:
    """A page on this machine until it is closed.

    Attributes:
        address: to open in a browser; whoever has it can read what is served.
    """

    def __init__(self, answers: Answering, port: int = 0) -> None:
        """Begins to listen, at a free port if it is 0.

        Raises:
            InputError: if the port is in use, or not allowed.
        """
        handler = _handler(answers, secret := secrets.token_urlsafe(24))
        try:
            self._http = _Listener((HOST, port), handler)
        except (OSError, OverflowError) as fault:
            raise unusable_port(port, fault) from None
        self.address = f"http://{HOST}:{self._http.server_port}/{secret}/"

    def run(self) -> None:
        """Answers until `stop`, or an exception such as that of Ctrl-C."""
        self._http.serve_forever(poll_interval=0.1)

    def stop(self) -> None:
        """Ends `run`, from another thread."""
        self._http.shutdown()

    def close(self) -> None:
        """Stops listening."""
        self._http.server_close()


def serve_until_interrupted(answers: Answering, port: int, ready: Callable[[str], None]) -> None:
    """Serves to a browser on this machine until it is interrupted (Ctrl-C).

    Args:
        answers: what is served.
        port: to listen at; a free one if it is 0.
        ready: called with the address when it can be opened.

    Raises:
        InputError: if the port is in use, or not allowed.
    """
    server = Server(answers, port)
    try:
        ready(server.address)
        server.run()
    finally:
        server.close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 32

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._places = threading.BoundedSemaphore(_CONNECTIONS)
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answers a connection in a thread of its own; one too many is closed at once."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread was started
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """What the thread of a connection does."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that break are no news."""


def _handler(answers: Answering, secret: str) -> type[BaseHTTPRequestHandler]:
    slots = threading.BoundedSemaphore(_AT_ONCE)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version, sys_version = "gasfield", ""
        timeout = _SECONDS

        def do_GET(self) -> None:
            status, kind, content = self._answer()
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **HEADERS}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def _answer(self) -> tuple[HTTPStatus, str, bytes]:
            port = self.connection.getsockname()[1]
            if self.headers.get("Host", "") not in (f"{HOST}:{port}", f"localhost:{port}"):
                return _refused(HTTPStatus.FORBIDDEN)
            root, _, rest = self.path.removeprefix("/").partition("/")
            if not secrets.compare_digest(root.encode(), secret.encode()):
                return _refused(HTTPStatus.NOT_FOUND)
            try:
                with slots:
                    return HTTPStatus.OK, *answers.answer(rest.split("/"))
            except (LookupError, ValueError):
                return _refused(HTTPStatus.NOT_FOUND)
            except InputError:
                return _refused(HTTPStatus.INTERNAL_SERVER_ERROR)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Requests are not logged."""

    return Handler


def _refused(status: HTTPStatus) -> tuple[HTTPStatus, str, bytes]:
    return status, "text/plain; charset=utf-8", f"{status.phrase}\n".encode()
