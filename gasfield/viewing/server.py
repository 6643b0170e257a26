"""`gasfield view --serve`: the same page, with frames and neighbours asked for one by one.

Only this machine can reach it (127.0.0.1), only requests that name it as their host are answered (a page of another
site whose name was made to lead here names that), and only under a path that begins with a secret (other users of the
machine do not have it). It answers GET, reads no body, and writes nothing.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.trajectory import Trajectory
from gasfield.viewing import document
from gasfield.viewing.choice import Choice
from gasfield.viewing.nearest import nearest_of
from gasfield.viewing.page import page
from gasfield.viewing.projection import Wanted
from gasfield.viewing.scene import Scene
from gasfield.viewing.writing import blobs, scenes_of

HOST = "127.0.0.1"
_AT_ONCE = 16
"""Requests that are answered at a time."""
_CONNECTIONS = 64
"""Connections at a time, whoever opens them: each takes a thread."""
_SECONDS = 20.0
"""After which a silent connection is closed."""
_KEPT_BYTES = 1 << 28
"""Frames in the space of the rows that are kept, at least one."""
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Answers:
    """What is answered under the secret path, for paths of whole numbers only."""

    def __init__(self, scenes: list[Scene]) -> None:
        self._scenes = scenes
        self._page = b"".join(page(document.description(scenes), blobs(scenes), "served_page.js"))
        self._lock, self._kept = threading.Lock(), OrderedDict[tuple[int, int], NDArray[Any]]()

    def answer(self, path: list[str]) -> tuple[str, bytes]:
        """Type and content.

        Raises:
            LookupError, ValueError: if there is nothing of this name.
        """
        if path == [""]:
            return "text/html; charset=utf-8", self._page
        what, *rest = path
        numbers = [_number(part) for part in rest]
        panel = numbers.pop(0)
        scene = self._scenes[panel]
        if what == "neighbours":
            frame, row = numbers
            return "application/json", self._neighbours(panel, scene, frame, row)
        return "application/octet-stream", _bytes(scene, what, numbers)

    def _neighbours(self, panel: int, scene: Scene, frame: int, row: int) -> bytes:
        if not (frame < len(scene) and row < scene.count):
            raise LookupError
        rows, distances = nearest_of(self._frame(panel, scene, frame), row, document.NEIGHBOURS)
        return json.dumps({"rows": rows.tolist(), "distances": distances.tolist()}, allow_nan=False).encode()

    def _frame(self, panel: int, scene: Scene, frame: int) -> NDArray[Any]:
        """Positions (n, D); the last ones that were asked for are kept."""
        with self._lock:  # the file is read by one thread at a time
            found = self._kept.pop((panel, frame), None)
            if found is None:
                found = np.asarray(scene.group.positions[frame])
            self._kept[panel, frame] = found
            while len(self._kept) > 1 and sum(each.nbytes for each in self._kept.values()) > _KEPT_BYTES:
                self._kept.popitem(last=False)
            return found


def _bytes(scene: Scene, what: str, numbers: list[int]) -> bytes:
    """Little-endian numbers: the cells (K, n) of a frame, the path (F, K) of a row, codes of a channel, strains."""
    if what == "cells":
        (frame,) = numbers
        return _little(scene.cells[frame])
    if what == "path":
        (row,) = numbers
        return _little(scene.cells[:, :, row])
    if what == "codes":
        number, frame = numbers
        codes = scene.channels[number].codes
        return _little(codes[frame] if scene.channels[number].moves else codes)
    if what == "strain" and scene.bonds is not None:
        (frame,) = numbers
        return _little(scene.bonds.strain[frame])
    raise LookupError


def _little(numbers: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(numbers, numbers.dtype.newbyteorder("<")).tobytes()


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError
    return int(text)


class Server:
    """A page on this machine until it is closed.

    Attributes:
        address: to open in a browser; whoever has it can read the trajectory.
    """

    def __init__(self, scenes: list[Scene], port: int = 0) -> None:
        """Begins to listen, at a free port if it is 0.

        Raises:
            InputError: if the port is in use, or not allowed.
        """
        handler = _handler(Answers(scenes), secret := secrets.token_urlsafe(24))
        try:
            self._http = _Listener((HOST, port), handler)
        except (OSError, OverflowError) as fault:
            reason = fault.strerror if isinstance(fault, OSError) else "ports are 0 to 65535"
            message = f"cannot be used: {reason}. Without it, a free one is taken."
            raise InputError(message, parameter="port", value=port) from None
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


def serve(
    trajectory: Trajectory | str | Path,
    other: Trajectory | str | Path | None = None,
    *,
    projection: Wanted = "all",
    groups: Sequence[str] | None = None,
    frames: int | None = None,
    rows: int | None = None,
    port: int = 0,
    ready: Callable[[str], None],
    progress: document.Progress = lambda text: None,
) -> None:
    """Serves a trajectory, or two side by side, to a browser on this machine until it is interrupted (Ctrl-C).

    Args:
        trajectory, other, projection, groups, frames, rows, progress: as for `gasfield.view`.
        port: to listen at; a free one if it is 0.
        ready: called with the address when it can be opened.

    Raises:
        InputError: if something of this is not possible, the port is in use, or the coordinates do not fit into memory.
    """
    with ExitStack() as stack:
        choice = Choice(projection, groups, frames, rows)
        server = Server(scenes_of(stack, trajectory, other, choice, progress), port)
        stack.callback(server.close)
        ready(server.address)
        server.run()


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


def _handler(answers: Answers, secret: str) -> type[BaseHTTPRequestHandler]:
    slots = threading.BoundedSemaphore(_AT_ONCE)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version, sys_version = "gasfield", ""
        timeout = _SECONDS

        def do_GET(self) -> None:
            status, kind, content = self._answer()
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **_HEADERS}.items():
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
