"""`gasfield view --serve`: what it answers, and whom."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.trajectory import Trajectory, TrajectoryWriter
from gasfield.viewing.answers import Answers
from gasfield.viewing.choice import Choice
from gasfield.viewing.scene import Scene
from gasfield.viewing.server import _CONNECTIONS, HOST, Server


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Server, Scene]]:
    positions = np.random.default_rng(0).normal(size=(5, 30, 8))
    gas = Gas(
        positions[0],
        np.arange(30) % 2,
        ["a", "b"],
        np.arange(30),
        [f"<b>{i}" for i in range(30)],
        bonds={"a": np.array([[0, 2]])},
    )
    with TrajectoryWriter(tmp_path / "a.h5", gas, precision="float64", provenance={"source": "import"}) as writer:
        for step, frame in enumerate(positions):
            writer.frame(step, float(step), frame)
    with Trajectory(tmp_path / "a.h5") as opened:
        scene = Scene.of(opened, Choice())
        server = Server(Answers([scene]))
        thread = threading.Thread(target=server.run)
        thread.start()
        yield server, scene
        server.stop()
        thread.join()
        server.close()


def ask(server: Server, path: str, host: str | None = None, method: str = "GET") -> tuple[int, bytes, dict[str, str]]:
    """Status, content and headers of the answer to a path behind the secret; a whole path begins with /."""
    address = urlsplit(server.address)
    connection = http.client.HTTPConnection(HOST, address.port, timeout=10)
    connection.request(
        method, path if path.startswith("/") else address.path + path, headers={"Host": host or address.netloc}
    )
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content, {name.lower(): value for name, value in answer.getheaders()}


def test_it_answers_with_what_a_page_would_hold(served: tuple[Server, Scene]) -> None:
    server, scene = served
    status, page, headers = ask(server, "")
    assert status == 200
    assert headers["content-type"].startswith("text/html")
    assert headers["cache-control"] == "no-store"
    assert b"connect-src 'self'" in page
    assert b"<b>" not in page
    for frame in range(5):
        assert ask(server, f"cells/0/{frame}")[1] == scene.cells[frame].tobytes()
        assert ask(server, f"strain/0/{frame}")[1] == scene.bonds.strain[frame].tobytes()
    assert ask(server, "path/0/7")[1] == np.ascontiguousarray(scene.cells[:, :, 7]).tobytes()
    moving = next(number for number, channel in enumerate(scene.channels) if channel.moves)
    assert ask(server, f"codes/0/{moving}/3")[1] == scene.channels[moving].codes[3].tobytes()
    assert ask(server, "codes/0/0/3")[1] == scene.channels[0].codes.tobytes()


def test_neighbours_are_those_in_the_space_of_the_rows(served: tuple[Server, Scene]) -> None:
    server, scene = served
    for frame, row in ((0, 0), (4, 29)):
        positions = scene.trajectory.frame(frame)
        apart = np.linalg.norm(positions - positions[row], axis=1)
        wanted = [other for other in np.argsort(apart, kind="stable").tolist() if other != row][:10]
        found = json.loads(ask(server, f"neighbours/0/{frame}/{row}")[1])
        assert found["rows"] == wanted
        assert np.allclose(found["distances"], apart[wanted])


def test_only_who_has_the_address_is_answered(served: tuple[Server, Scene]) -> None:
    server, _ = served
    port = urlsplit(server.address).port
    assert server.address.startswith("http://127.0.0.1:")
    assert len(urlsplit(server.address).path) > 30
    for path in ("/", "/guess/", "/guess/cells/0/0", server.address):
        assert ask(server, path)[0] == 404
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", "127.0.0.1:1"):
        status, content, _ = ask(server, "", host=host)
        assert (status, content) == (403, b"Forbidden\n")
    assert ask(server, "", host=f"localhost:{port}")[0] == 200
    for method in ("POST", "PUT", "OPTIONS"):
        assert ask(server, "", method=method)[0] == 501


NOWHERE = [
    "cells/0/5", "cells/1/0", "cells/0/-1", "cells/0", "cells/0/0/0", "cells/0/0x1", "cells/0/1e1", "cells//0",
    "cells/0/%31", "cells/0/" + "9" * 40, "codes/0/99/0", "path/0/30", "strain/0/9", "neighbours/0/0/30",
    "neighbours/0/5/0", "neighbours/0/0", "../../etc/passwd", "etc/0",
]  # fmt: skip


def test_what_is_not_there_is_not_found(served: tuple[Server, Scene]) -> None:
    server, _ = served
    assert {path: ask(server, path)[0] for path in NOWHERE} == dict.fromkeys(NOWHERE, 404)
    assert ask(server, "cells/0/0")[0] == 200


def test_a_port_in_use_is_told(served: tuple[Server, Scene]) -> None:
    _, scene = served
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port}: cannot be used: Address already in use"):
            Server(Answers([scene]), port)


def test_the_command_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    with TrajectoryWriter(tmp_path / "a.h5", Gas(np.eye(3, 2)), precision="float64", provenance={}) as writer:
        writer.frame(0, 0.0, np.eye(3, 2))
    command = [sys.executable, "-m", "gasfield.cli", "view", str(tmp_path / "a.h5"), "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            address = urlsplit(process.stdout.readline().split()[0])
            connection = http.client.HTTPConnection(HOST, address.port, timeout=10)
            connection.request("GET", address.path)
            assert connection.getresponse().status == 200
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=20)
        finally:
            process.kill()  # where the test was started with Ctrl-C ignored, nothing else would end it
    assert process.returncode == 130
    assert said.splitlines() == ["reading a.h5", "gasfield: interrupted"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_broken_requests_do_no_harm(served: tuple[Server, Scene]) -> None:
    server, _ = served
    address = urlsplit(server.address)
    for text in (
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01" * 50,
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    ):
        with socket.create_connection((HOST, address.port), timeout=10) as connection:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            assert b"200 OK" not in connection.recv(1000)
    assert ask(server, "")[0] == 200


def test_connections_are_bounded_whoever_opens_them(served: tuple[Server, Scene]) -> None:
    """Silent ones without the secret take a thread each, up to a number; others are answered again when they end."""
    server, _ = served
    port = urlsplit(server.address).port
    before = threading.active_count()
    silent = [socket.create_connection((HOST, port), timeout=10) for _ in range(_CONNECTIONS)]
    try:
        for _ in range(5):
            with socket.create_connection((HOST, port), timeout=10) as other:
                assert other.recv(1) == b""  # closed
        assert threading.active_count() == before + _CONNECTIONS
    finally:
        for connection in silent:
            connection.close()
    end = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() == before
    assert ask(server, "")[0] == 200
