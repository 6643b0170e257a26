"""A session in processes of its own, with a client in the test: `python tests/played.py REQUEST.json` serves one."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from gasfield.playing.doors import Doors
from gasfield.playing.play import serve
from gasfield.playing.script import Client
from gasfield.playing.server import Server


class Played:
    """A session that is served by another process."""

    def __init__(self, process: subprocess.Popen[str], port: int, secret: str, engine: int) -> None:
        self.process, self.doors, self.engine = process, Doors(port, secret), engine

    def kill(self) -> None:
        """kill -9 of engine and server."""
        os.kill(self.engine, signal.SIGKILL)
        self.process.kill()
        self.process.wait()

    def end(self) -> str:
        """Ctrl-C; what it says at its end."""
        self.process.send_signal(signal.SIGINT)
        said, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, said
        return said

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """A page without a picture."""
        async with Client.connect(self.doors) as socket:
            client = Client(socket)
            while not (client.hello and client.state):
                await client.next()
            yield client


@contextmanager
def played(folder: Path, **request: Any) -> Iterator[Played]:
    """A session of a request to the engine, as fast as it can, which waits at first."""
    given = {"overrides": [], "paused": True, "unpaced": True, "digests": True, **request}
    path = folder / "request.json"
    path.write_text(json.dumps(given))
    command = [sys.executable, __file__, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline().split()
        if len(line) != 3:
            raise AssertionError(process.communicate()[1])
        yield Played(process, int(line[0]), line[1], int(line[2]))
    finally:
        process.kill()
        process.communicate()


async def _serve(request: dict[str, Any]) -> None:
    async def ready(server: Server) -> None:
        print(server.doors.port, server.doors.secret, server.engine, flush=True)

    print(json.dumps(await serve(request, 0, ready)), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(json.loads(Path(sys.argv[1]).read_text())))
