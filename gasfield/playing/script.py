"""A script instead of a browser: events of a file at their steps, sent through the same socket as those of a page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from websockets.asyncio.client import ClientConnection, connect

from gasfield.errors import InputError
from gasfield.playing.doors import Doors
from gasfield.scenario.document import Document
from gasfield.scenario.events import Event

_MOST = 1_000_000
"""Steps that are asked for at once."""


@dataclass(frozen=True)
class Script:
    """Events at their steps.

    Attributes:
        steps: of the session.
        events: in the order of their steps.
        document: where they are written; None without events.
    """

    steps: int
    events: tuple[Event, ...] = ()
    document: Document | None = None

    @classmethod
    def read(cls, path: Path | None, steps: int) -> Script:
        """A list of events as in the key `events` of a scenario.

        Raises:
            InputError: if it is none, or one comes after the last step; it names file, line and key.
        """
        if path is None:
            return cls(steps)
        document = Document(path)
        if not isinstance(document.data, list):
            raise document.fault((), "a script is a list of events, as in the key 'events' of a scenario.")
        try:
            events: tuple[Event, ...] = TypeAdapter(tuple[Event, ...]).validate_python(document.data)
        except ValidationError as error:
            raise document.explain(error) from None
        for number, event in enumerate(events):
            if number and event.at < events[number - 1].at:
                raise document.fault((number, "at"), "events are in the order of their steps.")
            if event.at > steps:
                raise document.fault((number, "at"), f"is after the last step, {steps}.")
        return cls(steps, events, document)

    def fault(self, number: int, message: str) -> InputError:
        """An error about one of the events."""
        return InputError(message) if self.document is None else self.document.fault((number,), message)


class Client:
    """A page without a picture.

    Attributes:
        hello: what the server has said of the session.
        state: of the session, as far as it was told.
        step: that of the last answer.
        recorded: step -> digest of the frame, as it was told, without those that were undone.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._number = socket, 0
        self.hello: dict[str, Any] = {}
        self.state: dict[str, Any] = {}
        self.step = 0
        self.recorded: dict[int, str] = {}

    @staticmethod
    def connect(doors: Doors) -> connect:
        """The connection of a page that has the address."""
        return connect(doors.socket, origin=doors.origin, max_size=None, compression=None)  # type: ignore[arg-type]

    async def ask(self, **verb: Any) -> dict[str, Any]:
        """Sends a message; what answers it: `done` or `refused`."""
        self._number += 1
        await self._socket.send(json.dumps({"id": self._number, **verb}))
        while True:
            data = await self.next()
            for kind in ("done", "refused"):
                if data.get(kind, {}).get("id", -1) == self._number:
                    return data

    async def next(self) -> dict[str, Any]:
        """The next text."""
        while True:
            message = await self._socket.recv()
            if isinstance(message, str):
                data: dict[str, Any] = json.loads(message)
                self._note(data)
                return data

    def _note(self, data: dict[str, Any]) -> None:
        self.hello = data.get("hello", self.hello)
        self.state = data.get("state", self.state)
        self.step = int(data.get("done", data.get("state", {})).get("step", self.step))
        if "recorded" in data:
            self.recorded[data["recorded"]["step"]] = data["recorded"]["sha256"]

    async def reach(self, step: int) -> None:
        """Takes steps up to a later one; fewer if the session cannot go on.

        Raises:
            InputError: if the session refuses to.
        """
        now = -1
        while now < self.step < step:
            now = self.step
            done = await self.ask(step=min(step - now, _MOST))
            if "refused" in done:
                raise InputError(done["refused"]["message"])


async def follow(script: Script, doors: Doors) -> None:
    """Plays a script, from wherever the session is.

    Raises:
        InputError: if an event is refused, or the gas blows up; what was played before is kept.
    """
    async with Client.connect(doors) as socket:
        client = Client(socket)
        while not (client.hello and client.state):
            await client.next()
        begun = int(client.state["touches"])
        for number, event in enumerate(script.events):
            if number < begun:
                continue
            if event.at < client.step:
                raise script.fault(number, f"is at step {event.at}; the session is at step {client.step} already.")
            await _reach(client, event.at)
            verb = {key: value for key, value in event.data().items() if key != "at"}
            done = await client.ask(**verb)
            if "refused" in done:
                raise script.fault(number, str(done["refused"]["message"]))
        await _reach(client, script.steps)


async def _reach(client: Client, step: int) -> None:
    await client.reach(step)
    if client.step < step:
        while client.state.get("reason") is None:
            await client.next()
        raise InputError(f"{client.state['reason']}.")
