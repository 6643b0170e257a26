"""A session that was played is a scenario that runs again to the same bits, whatever was undone or killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from played import Played, played
from touches import CASES, Touches

import gasfield
from gasfield.playing.recorded import digest_of, digests_of
from gasfield.playing.script import Client
from gasfield.scenario import load_scenario
from gasfield.simulation import Simulation
from gasfield.trajectory import Checkpoint, Trajectory

EVERY = 3


def scenario_file(folder: Path, law: str, **changes: Any) -> Path:
    run = {"steps": 10, "record_every": EVERY, "observe_every": 2, "checkpoint_every": 4}
    path = folder / f"{law}.yaml"
    path.write_text(json.dumps({**CASES[law](folder), "run": run, "diagnostics": ["cloud"], **changes}))
    return path


class Script:
    """Random touches and undos, made in a session and in a simulation of the test."""

    def __init__(self, scenario: Path, seed: int, touches: int, undos: int) -> None:
        self.twin = Simulation.from_scenario(load_scenario(scenario))
        self.twin.live = True
        self.twin.step(0)
        self._touches, self._chance = Touches(seed), np.random.default_rng(seed)
        self._undone = set(self._chance.choice(touches, undos, replace=False).tolist())
        self.left = list(range(touches))
        self.recorded: dict[int, str] = {}

    async def play(self, client: Client, count: int) -> None:
        """The next touches of the script, most of them after a step; some are undone after some steps."""
        for _ in range(count):
            number = self.left.pop(0)
            await self._reach(client, self.twin.gas.step + (number % 3 > 0))
            before, touch = self.twin.snapshot(), self._touches.next(self.twin)
            self.twin.apply(touch)
            done = await client.ask(**touch)
            assert done["done"]["step"] == self.twin.gas.step, done
            if number in self._undone:
                await self._reach(client, self.twin.gas.step + int(self._chance.integers(0, 3)))
                self.twin.restore(before)
                done = await client.ask(undo=True)
                assert done["done"]["step"] == self.twin.gas.step, done
                for undone in [step for step in client.recorded if step >= self.twin.gas.step]:
                    del client.recorded[undone]

    async def _reach(self, client: Client, step: int) -> None:
        self.twin.step(step - self.twin.gas.step)
        await client.reach(step)
        assert client.step == step

    async def go_on(self, client: Client) -> None:
        """From where the session was resumed to where the twin is."""
        assert client.step <= self.twin.gas.step
        assert len(client.hello["touchlist"]) == len(self.twin.events)
        await client.reach(self.twin.gas.step)
        assert client.step == self.twin.gas.step

    async def take_all(self, session: Played, client: Client) -> dict[int, str]:
        """The digests of the whole session, when it has ended."""
        ending = asyncio.create_task(asyncio.to_thread(session.end))
        while "ended" not in await client.next():
            pass
        await ending
        return {**self.recorded, **client.recorded}


def digests(path: Path) -> dict[int, str]:
    with Trajectory(path) as trajectory:
        return digests_of(trajectory)


async def whole(folder: Path, script: Script, output: Path) -> dict[int, str]:
    """A session from its start to its end."""
    with played(folder, scenario=str(folder / "case.yaml"), output=str(output)) as session:
        async with session.client() as client:
            await script.play(client, len(script.left))
            return await script.take_all(session, client)


def replayed(folder: Path) -> dict[int, str]:
    """The digests of the run of what was played."""
    gasfield.run(folder / "played.yaml", output=folder / "again", pictures="none")
    return digests(folder / "again" / "trajectory.h5")


def check_twin(script: Script, told: dict[int, str]) -> None:
    """The last frame shows what a simulation in this process has come to."""
    last = digest_of(script.twin.in_rows(script.twin.gas.unwrapped))
    assert told[script.twin.gas.step] == last


def test_a_session_is_a_scenario_that_runs_again_to_the_same_bits(tmp_path: Path) -> None:
    path = scenario_file(tmp_path, "langevin").rename(tmp_path / "case.yaml")
    script = Script(path, 5, touches=9, undos=3)
    told = asyncio.run(whole(tmp_path, script, tmp_path / "session"))
    check_twin(script, told)
    assert told == digests(tmp_path / "session" / "trajectory.h5") == replayed(tmp_path / "session")
    events = load_scenario(tmp_path / "session" / "played.yaml").events
    assert events == script.twin.events
    assert len(events) == 6


@pytest.mark.validate
@pytest.mark.parametrize("law", sorted(CASES))
def test_fifty_touches_of_every_kind_with_fifteen_undos(law: str, tmp_path: Path) -> None:
    path = scenario_file(tmp_path, law).rename(tmp_path / "case.yaml")
    script = Script(path, 7, touches=50, undos=15)
    told = asyncio.run(whole(tmp_path, script, tmp_path / "session"))
    check_twin(script, told)
    assert len(told) > 10
    assert told == digests(tmp_path / "session" / "trajectory.h5") == replayed(tmp_path / "session")


async def killed(folder: Path, script: Script, output: Path, kills: int) -> dict[int, str]:
    """A session that is killed again and again, and goes on each time."""
    request: dict[str, Any] = {"scenario": str(folder / "case.yaml"), "output": str(output)}
    share = len(script.left) // (kills + 1)
    for _ in range(kills):
        with played(folder, **request) as session:
            async with session.client() as client:
                if "resume" in request:
                    await script.go_on(client)
                await script.play(client, share)
                script.recorded |= client.recorded
                script.recorded = {step: one for step, one in script.recorded.items() if step < script.twin.gas.step}
                session.kill()
        request = {"resume": str(output)}
    with played(folder, **request) as session:
        async with session.client() as client:
            await script.go_on(client)
            again = {step: one for step, one in client.recorded.items() if step in script.recorded}
            assert again == {step: script.recorded[step] for step in again}
            await script.play(client, len(script.left))
            return await script.take_all(session, client)


@pytest.mark.validate
@pytest.mark.parametrize("law", sorted(CASES))
def test_a_session_killed_by_the_system_goes_on_to_the_same_bits(law: str, tmp_path: Path) -> None:
    """kill -9 of the session and of its replay, each resumed."""
    path = scenario_file(tmp_path, law).rename(tmp_path / "case.yaml")
    script, output = Script(path, 11, touches=50, undos=15), tmp_path / "session"
    told = asyncio.run(killed(tmp_path, script, output, kills=3))
    check_twin(script, told)
    again = killed_replay(output)
    assert told.items() <= digests(output / "trajectory.h5").items()
    assert digests(output / "trajectory.h5") == again


def killed_replay(folder: Path) -> dict[int, str]:
    """The digests of a replay that was killed after a checkpoint, and resumed."""
    command, again = [sys.executable, "-m", "gasfield.cli"], folder / "again"
    begin = [*command, "run", str(folder / "played.yaml"), "--output", str(again), "--quiet"]
    process = subprocess.Popen(begin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (again.is_dir() and Checkpoint.load_each(again)):
        time.sleep(0.005)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    gasfield.resume(again, pictures="none")
    return digests(again / "trajectory.h5")


@pytest.mark.validate
def test_a_killed_session_is_finished_by_resume(tmp_path: Path) -> None:
    """Without a page, `gasfield resume` ends it after its last touch or checkpoint, and makes its results."""
    path = scenario_file(tmp_path, "sphere").rename(tmp_path / "case.yaml")
    script, output = Script(path, 3, touches=12, undos=4), tmp_path / "session"

    async def begin() -> None:
        with played(tmp_path, scenario=str(path), output=str(output)) as session:
            async with session.client() as client:
                await script.play(client, 12)
                session.kill()

    asyncio.run(begin())
    result = gasfield.resume(output, pictures="none")
    assert result.summary["title"] == ""
    steps = load_scenario(output / "played.yaml").run.steps
    with Trajectory(output / "trajectory.h5") as trajectory:
        assert trajectory.steps[-1] == steps
    assert digests(output / "trajectory.h5") == replayed(output)
