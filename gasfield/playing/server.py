"""`gasfield play`: the page and its web socket on this machine, between the browser and the engine's process.

Steps never wait for a page: the engine is asked for a frame only while one could be sent, and what a slow page has not
taken is replaced by the next frame. Messages of a page are passed on one by one, and answered.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from gasfield.playing import page
from gasfield.playing.channel import Parcel
from gasfield.playing.doors import SOCKET, Doors
from gasfield.playing.shown import Shown, shown
from gasfield.playing.visitor import Visitor
from gasfield.playing.worker import EngineError, EngineProcess
from gasfield.viewing.server import HEADERS, HOST, unusable_port

MOST_PAGES = 8
"""Pages that may be connected at the same time."""
_LONGEST = 1 << 16
_LARGEST = 1 << 20
"""Bytes of a message that are read before it is refused; a connection that sends more is closed."""
_KEPT = ("hello", "state")
"""Texts that a page is sent when it connects."""
_LOG = logging.getLogger("gasfield.playing")
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False


class Server:
    """Pages and an engine.

    Attributes:
        doors: where it can be reached; set when it listens.
        ended: what the engine has said at its end.
    """

    doors: Doors

    def __init__(self, engine: EngineProcess, note: Callable[[str], None] = lambda text: None) -> None:
        """Serves an engine; notes of it are passed to `note`."""
        self._engine, self._note = engine, note
        self._visitors: dict[int, Visitor] = {}
        self._numbers = 0
        self._connected = 0
        self._told: dict[str, Any] = {}
        self._shown: Shown | None = None
        self._asked = self._stopping = False
        self._begun = asyncio.Event()
        self.ended: dict[str, Any] | None = None

    async def run(self, port: int, ready: Callable[[], None] = lambda: None) -> None:
        """Answers until the engine ends.

        Args:
            port: to listen at; a free one if it is 0.
            ready: called when pages can be opened.

        Raises:
            InputError: if the port is in use, or not allowed; or what the engine refuses.
            GasfieldError: the error with which the engine has ended.
        """
        async with AsyncExitStack() as stack:
            reading = asyncio.create_task(self._read())
            stack.push_async_callback(self._engine.over)
            began = asyncio.create_task(self._begun.wait())
            await asyncio.wait([reading, began], return_when=asyncio.FIRST_COMPLETED)
            began.cancel()
            if reading.done():
                await reading
                raise EngineError("the engine has ended before it began.", 1)
            await stack.enter_async_context(await self._listening(port))
            stack.push_async_callback(self._let_go)
            ready()
            await reading
            if self.ended is None:
                raise EngineError("the engine has ended without a word; what it wrote before is kept.", 1)

    async def stop(self) -> None:
        """Asks the engine to end."""
        self._stopping = True
        await self._engine.send({"end": True})

    @property
    def engine(self) -> int:
        """Number of the engine's process."""
        return self._engine.pid

    async def _let_go(self) -> None:
        text = "the session has ended."
        leaving = [visitor.leave(text) for visitor in tuple(self._visitors.values())]
        await asyncio.gather(*leaving, return_exceptions=True)

    async def _listening(self, port: int) -> Any:
        try:
            server = await serve(
                self._serve, HOST, port, process_request=self._answer, max_size=_LARGEST, max_queue=4, compression=None,
                server_header=None, logger=_LOG, open_timeout=10.0, close_timeout=1.0, ping_interval=20.0,
                ping_timeout=120.0,
            )  # fmt: skip
        except (OSError, OverflowError) as fault:
            raise unusable_port(port, fault) from None
        self.doors = Doors(next(iter(server.sockets)).getsockname()[1])
        return server

    # --- the engine --------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        async for parcel in self._engine.parcels():
            self._take(parcel)
            await self._ask_for_frame()

    def _take(self, parcel: Parcel) -> None:
        data = parcel.data
        if "frame" in data:
            self._asked = False
            self._shown = shown(parcel, self._shown)
            for visitor in self._visitors.values():
                visitor.show(self._shown)
        elif "answer" in data:
            if (found := self._visitors.get(data["to"])) is not None:
                found.answer(data["answer"])
        elif "all" in data:
            self._told |= {key: value for key, value in data["all"].items() if key in _KEPT}
            for visitor in self._visitors.values():
                visitor.tell(data["all"])
        elif "note" in data:
            self._note(str(data["note"]))
        elif "begun" in data:
            self._begun.set()
        elif "ended" in data:
            self.ended = data["ended"]

    async def _ask_for_frame(self) -> None:
        """Asks for a frame, while one could be sent."""
        if not self._asked and any(visitor.wants_frame for visitor in self._visitors.values()):
            self._asked = True
            await self._engine.send({"want": True})

    # --- pages -------------------------------------------------------------------------------------------------------

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """The page, or a refusal; None where a web socket is opened."""
        path = self.doors.path_of(request)
        if isinstance(path, HTTPStatus):
            return _refused(path)
        if path == SOCKET:
            return None if self._connected < MOST_PAGES else _refused(HTTPStatus.SERVICE_UNAVAILABLE)
        found = page.answer(path)
        return _refused(HTTPStatus.NOT_FOUND) if found is None else _response(HTTPStatus.OK, *found)

    async def _serve(self, socket: ServerConnection) -> None:
        """A page, from its first message to its last."""
        if self._connected >= MOST_PAGES or self._stopping:
            return
        self._connected += 1
        self._numbers += 1
        visitor = Visitor(self._numbers, socket)
        for key, value in sorted(self._told.items()):  # hello before state
            visitor.tell({key: value})
        self._visitors[visitor.number] = visitor
        sending = asyncio.create_task(visitor.send_all())
        try:
            if self._shown is not None:
                visitor.show(self._shown)
            await self._ask_for_frame()
            async for message in socket:
                await self._pass_on(visitor, message)
        except ConnectionClosed:
            pass
        finally:
            self._connected -= 1
            self._visitors.pop(visitor.number, None)
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending

    async def _pass_on(self, visitor: Visitor, message: str | bytes) -> None:
        """A message to the engine; that a frame was drawn is for the server itself."""
        if isinstance(message, bytes):
            visitor.tell(_unread("a message is text."))
        elif len(message) > _LONGEST:
            visitor.tell(_unread(f"a message has at most {_LONGEST} bytes."))
        elif (number := _drawn(message)) is not None:
            visitor.ready(number)
            await self._ask_for_frame()
        else:
            await visitor.may_ask()
            await self._engine.send({"ask": message, "from": visitor.number})


def _drawn(message: str) -> int | None:
    """The number of a frame that has been drawn; None for any other message."""
    if len(message) > 100 or '"ready"' not in message:
        return None
    try:
        data = json.loads(message)
    except ValueError:
        return None
    number = data.get("ready") if isinstance(data, dict) and data.keys() == {"id", "ready"} else None
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**53 else None


def _unread(text: str) -> Mapping[str, Any]:
    return {"refused": {"id": None, "message": text}}


def _refused(status: HTTPStatus) -> Response:
    return _response(status, "text/plain; charset=utf-8", f"{status.phrase}\n".encode())


def _response(status: HTTPStatus, kind: str, content: bytes) -> Response:
    headers = {"Content-Type": kind, "Content-Length": str(len(content)), "Connection": "close", **HEADERS}
    return Response(status.value, status.phrase, Headers(headers), content)
