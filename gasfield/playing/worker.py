"""The engine's process as the server has it: parcels to it and from it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self

from gasfield.errors import GasfieldError, InputError, InputErrors
from gasfield.playing.channel import HEAD_SIZE, Broken, Parcel, data_of, head, packed, sizes_of


class EngineError(GasfieldError):
    """The engine has ended with an error."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class EngineProcess:
    """A process that steps a simulation. It ends when this one does, whatever ends this one."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._to, self._from = process.stdin, process.stdout

    @classmethod
    async def begin(cls, request: Mapping[str, Any]) -> Self:
        """Starts a process, and asks it to begin; see `gasfield.playing.beginning`."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gasfield.playing.engine",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches the server, which asks it to end
        )  # fmt: skip
        started = cls(process)
        await started.send({"begin": dict(request)})
        return started

    async def send(self, data: Mapping[str, Any]) -> None:
        """Sends a parcel; without effect where nobody reads it any more."""
        try:
            self._to.write(packed(dict(data)))
            await self._to.drain()
        except (ConnectionError, RuntimeError):
            return

    async def parcels(self) -> AsyncIterator[Parcel]:
        """What it sends, until it ends.

        Raises:
            GasfieldError: the error with which it has ended.
        """
        while True:
            try:
                parcel = await self._receive()
            except (asyncio.IncompleteReadError, Broken):
                return
            if "fault" in parcel.data:
                raise _error(parcel.data["fault"])
            yield parcel

    async def _receive(self) -> Parcel:
        size, count = head(await self._from.readexactly(HEAD_SIZE))
        sizes = sizes_of(await self._from.readexactly(8 * count), count)
        data = data_of(await self._from.readexactly(size))
        return Parcel(data, tuple([await self._from.readexactly(each) for each in sizes]))

    async def over(self) -> int:
        """Waits for its end; its exit code."""
        self._to.close()
        return await self._process.wait()

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid


def _error(fault: Mapping[str, Any]) -> GasfieldError:
    if "faults" not in fault:
        return EngineError(str(fault["message"]), int(fault["exit_code"]))
    found = [InputError(**each) for each in fault["faults"]]
    return found[0] if len(found) == 1 else InputErrors(found)
