"""A page that is connected: what waits to be sent to it, and how much it has not answered yet."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from gasfield.playing.shown import Shown

_AHEAD = 2
"""Frames that a page may have unanswered."""
_UNANSWERED = 16
"""Messages of a page that the engine may have unanswered; more are not read before."""
_MOST_TEXTS = 1000
"""Texts that wait for a page: one that reads nothing is disconnected."""


class Visitor:
    """A page.

    Attributes:
        number: of it.
    """

    def __init__(self, number: int, socket: ServerConnection) -> None:
        self.number, self._socket = number, socket
        self._texts: deque[str] = deque()
        self._frame: Shown | None = None
        self._drawing: list[int] = []
        self._generation = self._under = -1
        self._something = asyncio.Event()
        self._slots = asyncio.Semaphore(_UNANSWERED)

    # --- what it asks for --------------------------------------------------------------------------------------------

    async def may_ask(self) -> None:
        """Waits while too much is unanswered."""
        await self._slots.acquire()

    def ready(self, number: int) -> None:
        """It has drawn a frame, and with it those before."""
        self._drawing = [each for each in self._drawing if each > number]
        self._something.set()

    @property
    def wants_frame(self) -> bool:
        """Whether another frame would be sent."""
        return self._frame is None and len(self._drawing) < _AHEAD

    # --- what it is sent ---------------------------------------------------------------------------------------------

    def answer(self, data: Mapping[str, Any]) -> None:
        """An answer to one of its messages."""
        self._slots.release()
        self.tell(data)

    def tell(self, data: Mapping[str, Any]) -> None:
        """Text for it."""
        if len(self._texts) >= _MOST_TEXTS:
            self._socket.transport.abort()
            return
        self._texts.append(json.dumps(data, allow_nan=False))
        self._something.set()

    def show(self, frame: Shown) -> None:
        """A frame for it; one that waits is dropped."""
        self._frame = frame
        self._something.set()

    async def send_all(self) -> None:
        """Sends whatever waits, until the connection ends."""
        try:
            while True:
                await self._something.wait()
                self._something.clear()
                while self._texts:
                    await self._socket.send(self._texts.popleft())
                if self._frame is not None and len(self._drawing) < _AHEAD:
                    await self._send_frame()
        except ConnectionClosed:
            return

    async def _send_frame(self) -> None:
        frame, self._frame = self._frame, None
        if frame is None:
            return
        self._drawing.append(frame.number)
        content = frame.packed(who=frame.generation != self._generation, under=frame.under_number != self._under)
        self._generation, self._under = frame.generation, frame.under_number
        await self._socket.send(content)
        self._something.set()

    async def leave(self, text: str) -> None:
        """Says why it is over, and closes."""
        self.tell({"ended": text})
        try:
            async with asyncio.timeout(1.0):
                while self._texts:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            pass
        await self._socket.close()
