"""What it costs to play: steps beside `gasfield run`, the time until a touch has acted, memory over minutes.

python benchmarks/play.py speed      10,000 particles with pair forces, 50,000 in a field; nothing is drawn
python benchmarks/play.py touch      milliseconds from a `set` to its answer, at full speed
python benchmarks/play.py memory M   resident memory of engine and server over M minutes of play, with touches
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import gasfield
from gasfield.operations import Checkpointer, TrajectoryRecorder
from gasfield.playing.frames import read_frame
from gasfield.playing.play import serve
from gasfield.playing.script import Client
from gasfield.playing.server import Server

PAIRS = {
    "format": 1,
    "space": {"kind": "periodic", "dimensions": 2, "side": 100.0},
    "gas": [{"name": "gas", "from": {"kind": "lattice", "count": 10_000}}],
    "forces": [{"kind": "soft_repulsion", "strength": 3.0, "cutoff": 1.2}],
    "dynamics": {"kind": "langevin", "time_step": 0.02, "friction": 1.0},
    "temperature": 0.4,
    "diagnostics": ["cloud"],
}
FIELD = {
    "format": 1,
    "space": {"kind": "free", "dimensions": 2},
    "gas": [{"name": "gas", "from": {"kind": "gaussian", "count": 50_000, "spread": 1.0}}],
    "forces": [{"kind": "double_well", "barrier": 2.0}],
    "dynamics": {"kind": "langevin", "time_step": 0.01, "friction": 1.0},
    "temperature": 0.5,
    "diagnostics": ["cloud"],
}
CASES: dict[str, tuple[dict[str, Any], int]] = {"pairs": (PAIRS, 1000), "field": (FIELD, 4000)}
"""Scenario, and steps that take some seconds."""
EVERY = 100
Visit = Callable[[Server], Awaitable[None]]


def written(folder: Path, name: str, steps: int) -> Path:
    """The scenario in a file."""
    run = {"steps": steps, "record_every": EVERY}
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps({**CASES[name][0], "run": run}))
    return path


def play(request: dict[str, Any], visit: Visit) -> None:
    """A session, visited by a function."""

    async def ready(server: Server) -> None:
        try:
            await visit(server)
        finally:
            await server.stop()

    asyncio.run(serve({"overrides": [], "paused": True, **request}, 0, ready))


async def page(server: Server) -> Client:
    """A page that draws nothing."""
    client = Client(await Client.connect(server.doors))
    while not (client.hello and client.state):
        await client.next()
    return client


def speed() -> None:
    """Steps for each second of processor time, recorded in both cases, best of three in turn: so that other work on the
    machine counts less."""
    for name, (_, steps) in CASES.items():
        with TemporaryDirectory() as folder:
            path, found = written(Path(folder), name, steps + EVERY), {"run": 0.0, "play": 0.0}
            for turn in range(3):
                found["run"] = max(found["run"], _run(path, Path(folder) / f"run{turn}.h5", steps))
                found["play"] = max(found["play"], _played(path, Path(folder) / f"play{turn}", steps))
        lost = 1.0 - found["play"] / found["run"]
        print(f"{name}: run {found['run']:.0f}/s, play {found['play']:.0f}/s, lost {100 * lost:.1f}%", flush=True)


def _run(path: Path, file: Path, steps: int) -> float:
    """Steps a second of a run."""
    simulation = gasfield.Simulation.from_scenario(path)
    simulation.add_operation(TrajectoryRecorder(file, EVERY), first=True)
    simulation.add_operation(Checkpointer(file.parent, ""))
    simulation.step(EVERY)
    begun = time.process_time()
    simulation.step(steps)
    taken = time.process_time() - begun
    simulation.close()
    return steps / taken


def _played(path: Path, output: Path, steps: int) -> float:
    """Steps a second of a session."""
    found: list[float] = []

    async def visit(server: Server) -> None:
        client = await page(server)
        await client.ask(step=EVERY)
        begun = _processor_time(server.engine)
        await client.ask(step=steps)
        found.append(steps / (_processor_time(server.engine) - begun))

    play({"scenario": str(path), "output": str(output)}, visit)
    return found[0]


def _processor_time(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def touch() -> None:
    """Milliseconds until a `set` has acted, while steps are taken as fast as they can be."""
    for name in CASES:
        with TemporaryDirectory() as folder:
            taken = _touched(written(Path(folder), name, 10), Path(folder) / "play")
        print(f"{name}: set to answer, median {median(taken):.0f} ms, longest {max(taken):.0f} ms", flush=True)


def _touched(path: Path, output: Path, count: int = 60) -> list[float]:
    taken: list[float] = []

    async def visit(server: Server) -> None:
        client = await page(server)
        await client.ask(step=2 * EVERY)
        await client.ask(speed=100_000)
        await client.ask(pause=False)
        for number in range(count):
            await asyncio.sleep(0.05)
            begun = time.perf_counter()
            await client.ask(set={"temperature": 0.4 + 0.001 * number})
            taken.append(1000 * (time.perf_counter() - begun))

    play({"scenario": str(path), "output": str(output)}, visit)
    return taken


def memory(minutes: float) -> None:
    """Resident memory while a page draws frames, and touches, plants, removes and undoes."""
    with TemporaryDirectory() as folder:
        path = written(Path(folder), "pairs", 10)

        async def visit(server: Server) -> None:
            socket = await Client.connect(server.doors)
            for verb in ({"speed": 5}, {"pause": False}):
                await socket.send(json.dumps({"id": 0, **verb}))
            begun = told = touched = time.monotonic()
            drawn = number = 0
            while (now := time.monotonic()) - begun < 60 * minutes:
                message = await socket.recv()
                if isinstance(message, bytes):
                    drawn += 1
                    ready = read_frame(message)[0]["number"]
                    await socket.send(json.dumps({"id": 0, "ready": ready}))
                if now - touched > 0.5:
                    touched, number = now, number + 1
                    await socket.send(json.dumps({"id": number, **_something(number)}))
                if now - told > 30.0 or told == begun:
                    told = now
                    sizes = ", ".join(f"{_resident(pid):.0f}" for pid in (server.engine, "self"))
                    print(f"{(now - begun) / 60:.1f} min: {sizes} MB, {drawn} frames, {number} touches", flush=True)

        play({"scenario": str(path), "output": f"{folder}/play"}, visit)


def _something(number: int) -> dict[str, Any]:
    if number % 20 == 5:
        place = {"kind": "point", "at": [0.5, 0.5]}
        return {"plant": {"name": f"p{number}", "shape": {"kind": "ring", "count": 20, "radius": 3.0}, "place": place}}
    if number % 20 == 12:
        return {"undo": True}
    if number % 20 == 15:
        return {"remove": f"p{number - 10}"}
    return {"set": {"temperature": 0.4 + 0.1 * (number % 2)}}


def _resident(pid: int | str) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


if __name__ == "__main__":
    if sys.argv[1] == "memory":
        memory(float(sys.argv[2]))
    else:
        {"speed": speed, "touch": touch}[sys.argv[1]]()
