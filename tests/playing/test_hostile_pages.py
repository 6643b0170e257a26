"""Pages and requests of strangers: they are refused, nothing is lost for others, and nothing falls over."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from strange_messages import hostile
from touches import langevin_with_pairs
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gasfield.playing.frames import read_frame
from gasfield.playing.play import serve
from gasfield.playing.script import Client
from gasfield.playing.server import MOST_PAGES, Server

AT_ONCE = 8
"""Messages that are sent before their answers are read."""


def play(tmp_path: Path, visit: Any) -> dict[str, Any]:
    """A session that waits, visited by a function of its server."""
    path = tmp_path / "case.yaml"
    path.write_text(json.dumps({**langevin_with_pairs(tmp_path), "run": {"steps": 10}}))

    async def ready(server: Server) -> None:
        try:
            await visit(server)
        finally:
            await server.stop()

    return asyncio.run(serve({"scenario": str(path), "overrides": [], "paused": True}, 0, ready))


async def raw(server: Server, request: str) -> str:
    """The first line that is answered to the bytes of a request; empty if the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.doors.port)
    writer.write(request.encode())
    line = (await reader.readline()).decode()
    writer.close()
    return line


async def _all_of(socket: ClientConnection) -> None:
    while True:
        await socket.recv()


def test_a_thousand_hostile_messages_are_refused_and_nothing_is_lost(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    messages = list(hostile(1000, seed=1))

    async def visit(server: Server) -> None:
        async with Client.connect(server.doors) as good, Client.connect(server.doors) as bad:
            page = Client(good)
            assert "done" in await page.ask(step=3)
            begun = page.state
            refused = 0
            for start in range(0, len(messages), AT_ONCE):
                some = messages[start : start + AT_ONCE]
                for message in some:
                    await bad.send(message)
                answers = 0
                while answers < len(some):
                    text = await bad.recv()
                    data = {} if isinstance(text, bytes) else json.loads(text)
                    assert "done" not in data, some
                    if "refused" in data:
                        answers += 1
                        assert len(data["refused"]["message"]) < 20_000
                refused += answers
            assert refused == 1000
            done = await page.ask(step=2)
            assert done["done"] == {"id": 2, "step": 5, "work": None, "touch": None, "touches": 0, "undo": 0}
            assert {**page.state, "step": 0} == {**begun, "step": 0}

    ended = play(tmp_path, visit)
    assert ended["step"] == 5
    assert ended["touches"] == 0
    assert "Traceback" not in capfd.readouterr().err


def test_strangers_stay_outside(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Another secret, another site's page (Origin), a name that leads here (Host), and what is no request at all."""

    async def visit(server: Server) -> None:
        doors = server.doors
        host, secret = f"127.0.0.1:{doors.port}", doors.secret
        upgrade = (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        )

        async def get(path: str, *headers: str, rest: str = "") -> str:
            lines = "".join(f"{header}\r\n" for header in headers)
            return await raw(server, f"GET {path} HTTP/1.1\r\n{lines}{rest}\r\n")

        ours, origin = f"Host: {host}", f"Origin: http://{host}"
        assert " 200 " in await get(f"/{secret}/", ours)
        assert " 101 " in await get(f"/{secret}/socket", ours, origin, rest=upgrade)
        for path in ("/", "//", f"/{secret[:-1]}/", f"/{secret}x/", "/%2e%2e/", f"/x/{secret}/", f"/{secret}/../x"):
            assert " 404 " in await get(path, ours)
            assert " 404 " in await get(f"{path.rstrip('/')}/socket", ours, origin, rest=upgrade)
        for other in ("evil.example", f"evil.example:{doors.port}", "127.0.0.1", f"127.0.0.1:{doors.port}.evil", ""):
            assert " 403 " in await get(f"/{secret}/", f"Host: {other}")
            assert " 403 " in await get(f"/{secret}/socket", f"Host: {other}", origin, rest=upgrade)
        assert " 403 " in await get(f"/{secret}/", ours, "Host: evil.example")
        for other in ("http://evil.example", "null", f"https://{host}", f"http://localhost:{doors.port}", "file://"):
            assert " 403 " in await get(f"/{secret}/socket", ours, f"Origin: {other}", rest=upgrade)
        assert " 403 " in await get(f"/{secret}/socket", ours, rest=upgrade)  # no page at all
        for request in (
            "\r\n\r\n",
            "POST / HTTP/1.1\r\n\r\n",
            "GET\r\n\r\n",
            "x" * 100_000,
            "\x16\x03\x01\x02\r\n\r\n",
        ):
            assert " 200 " not in await raw(server, request)
        async with connect(doors.socket, origin=doors.origin) as socket:  # type: ignore[arg-type]
            await socket.send("x" * (2 << 20))
            with pytest.raises(ConnectionClosed):
                await _all_of(socket)
        async with Client.connect(doors) as socket:
            assert "done" in await Client(socket).ask(step=1)

    assert play(tmp_path, visit)["step"] == 1
    assert "Traceback" not in capfd.readouterr().err


def test_pages_are_bounded_and_a_slow_one_holds_nobody_up(tmp_path: Path) -> None:
    """Frames are dropped for a page that draws none; all others go on."""

    async def visit(server: Server) -> None:
        pages = [await Client.connect(server.doors) for _ in range(MOST_PAGES)]
        with pytest.raises(Exception, match="503"):
            await Client.connect(server.doors)
        slow, quick = pages[:2]
        await quick.send(json.dumps({"id": 1, "speed": 100_000}))
        await quick.send(json.dumps({"id": 2, "pause": False}))
        drawn: list[int] = []
        while len(drawn) < 8:
            message = await quick.recv()
            if isinstance(message, bytes):
                header, arrays = read_frame(message)
                assert arrays["points"].shape == (2, 36)
                drawn.append(header["step"])
                await quick.send(json.dumps({"id": 0, "ready": header["number"]}))
        assert drawn == sorted(drawn)
        assert len(set(drawn)) >= 7  # a message before the first step is answered by a second frame of the start
        assert "done" in await Client(quick).ask(pause=True)
        waiting = 0
        while True:
            try:
                message = await asyncio.wait_for(slow.recv(), 0.3)
            except TimeoutError:
                break
            waiting += isinstance(message, bytes)
        assert waiting == 2
        for each in pages:
            await each.close()

    play(tmp_path, visit)
