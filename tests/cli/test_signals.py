"""INT and TERM: nothing that was done is lost, the message says how to go on, and the exit code is 130 or 143."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import gasfield
from gasfield import runs
from gasfield.errors import Interrupted
from gasfield.operations import Callback
from gasfield.runs.manifest import Manifest
from gasfield.scenario import load_scenario
from gasfield.signals import interruptible
from gasfield.simulation import Simulation

SCENARIO = """
title: A gas to be interrupted
question: Does it end with the same bits?
seed: 9
space: {kind: free, dimensions: 2}
gas: [{name: gas, from: {kind: gaussian, count: 6, spread: 0.5}}]
forces: [{kind: harmonic, stiffness: 1}]
dynamics: {kind: langevin, time_step: 0.1, friction: 1}
temperature: 1
run: {steps: 300, record_every: 30, observe_every: 20}
diagnostics: [cloud]
"""
BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(SCENARIO)
    return tmp_path


def assert_same(one: Path, two: Path) -> None:
    places: list[str] = []
    with h5py.File(one / "trajectory.h5") as a, h5py.File(two / "trajectory.h5") as b:
        a.visititems(lambda place, item: places.append(place) if isinstance(item, h5py.Dataset) else None)
        for place in places:
            np.testing.assert_array_equal(a[place][()], b[place][()], place)


@BOTH
def test_an_interrupted_run_goes_on_with_the_same_bits(
    number: signal.Signals, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal arrives between two events: the run ends after the present call of the dynamics, with a checkpoint."""
    gasfield.run("mine.yaml", output="whole")
    before = signal.getsignal(number)
    build = Simulation.from_scenario

    def interrupted(*arguments: Any, **options: Any) -> Simulation:
        made = build(*arguments, **options)
        run = made.dynamics.run

        def run_and_interrupt(gas: gasfield.Gas, steps: int, stopped: Callable[[], bool]) -> None:
            run(gas, min(steps, 137 - gas.step) if gas.step < 137 else steps, stopped)
            if gas.step == 137:
                os.kill(os.getpid(), number)

        made.dynamics.run = run_and_interrupt
        return made

    monkeypatch.setattr(Simulation, "from_scenario", interrupted)
    with pytest.raises(Interrupted, match="after 137 of 300 steps; go on with `gasfield resume out`") as ended:
        gasfield.run("mine.yaml", output="out")
    assert ended.value.exit_code == 128 + number
    assert signal.getsignal(number) is before
    monkeypatch.undo()
    monkeypatch.chdir(here)
    with gasfield.open("out") as trajectory:
        assert trajectory.steps[-1] == 120
    gasfield.resume("out")
    assert_same(here / "whole", here / "out")


@BOTH
def test_a_second_signal_ends_the_process_at_once(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with interruptible() as interruption:
        os.kill(os.getpid(), number)
        assert interruption.signal == number
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler  # of Python; without it SIG_DFL
    assert signal.getsignal(number) is before


def test_signals_are_those_of_the_main_thread() -> None:
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work() -> None:
        with interruptible():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


def test_long_stretches_between_events_are_looked_at_every_second(here: Path) -> None:
    """Slow steps: a stop is met after the present one, and checkpoints are written between events."""
    simulation = Simulation(
        np.zeros((2, 2)), forces=[{"kind": "harmonic", "stiffness": 1.0}], dynamics={"kind": "newton", "time_step": 0.1}
    )
    ticks: list[int] = []
    watch = simulation.add_operation(Callback(lambda _: None, every=1000))
    watch.tick = lambda simulation: ticks.append(simulation.gas.step)
    run = simulation.dynamics.run

    def slowly(gas: gasfield.Gas, steps: int, stopped: Callable[[], bool]) -> None:
        for _ in range(steps):
            run(gas, 1, stopped)
            time.sleep(0.2)
            if gas.step == 7:
                simulation.stop()
            if stopped():
                return

    simulation.dynamics.run = slowly
    simulation.step(50)
    assert simulation.gas.step == 7
    assert ticks
    simulation.dynamics.run = run
    assert simulation.step(50).gas.step == 57


DESTRUCTOR = """
import os, signal, sys
from gasfield.cli.interrupt import ended_at_once
class Lost:
    def __del__(self):
        os.kill(os.getpid(), signal.{name})
        for _ in range(1000): pass
with ended_at_once():
    lost = Lost()
    del lost
    print("swallowed")
"""


@BOTH
def test_a_signal_in_a_destructor_is_not_swallowed(number: signal.Signals) -> None:
    """Python prints an exception there, and goes on."""
    code = DESTRUCTOR.format(name=number.name)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, preexec_fn=not_ignored)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "gasfield: interrupted\n")


def begin(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gasfield.cli", *arguments, "--quiet"]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, preexec_fn=not_ignored)


def not_ignored() -> None:
    """Processes of a shell's background ignore INT, and so do theirs."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_the_command_says_how_to_go_on(here: Path) -> None:
    """A checkpoint is written within seconds, although none is due for a long time."""
    process = begin(here, "run", "mine.yaml", "--output", "out", "--set", "run.steps=100000000")
    while process.poll() is None and not list(here.glob("out/checkpoint*")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    message = process.stderr.read()
    assert "go on with `gasfield resume out`" in message
    assert "Traceback" not in message


# --- in large numbers -------------------------------------------------------------------------------------------------

SHORT = ("run.steps=60", "run.checkpoint_every=10", "run.record_every=5", "diagnostics=[cloud]")
HINDCAST = ("dead-token-drift", *(part for setting in SHORT for part in ("--set", setting)))


@pytest.fixture(scope="module")
def hindcast(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A real hindcast with its pictures, and how long it takes."""
    folder = tmp_path_factory.mktemp("hindcast")
    for name in ("warm", "whole"):
        begun = time.monotonic()
        assert begin(folder, "run", *HINDCAST, "--output", name).wait() == 0
    return folder / "whole", time.monotonic() - begun


def assert_same_results(whole: Path, other: Path) -> None:
    assert_same(whole, other)
    pictures = sorted(path.name for path in (whole / "plots").iterdir())
    assert pictures
    assert sorted(path.name for path in (other / "plots").iterdir()) == pictures
    for name in pictures:
        assert (whole / "plots" / name).read_bytes() == (other / "plots" / name).read_bytes(), name


def resumed(folder: Path, whole: Path, name: str) -> None:
    """Goes on until the end, if the run has begun and is not finished; the results are those of an undisturbed run."""
    if not (folder / name).exists():
        return
    process = begin(folder, "resume", name)
    code, message = process.wait(), process.stderr.read()
    assert code == 0 or "is finished" in message, message
    assert_same_results(whole, folder / name)
    shutil.rmtree(folder / name)


def signalled(folder: Path, name: str, delay: float, number: signal.Signals) -> tuple[int, bool]:
    """Starts the hindcast and sends a signal: the exit code, and whether everything had been done before."""
    process = begin(folder, "run", *HINDCAST, "--output", name)
    time.sleep(delay)
    manifest = Manifest.read(folder / name)
    process.send_signal(number)
    code, message = process.wait(60), process.stderr.read()
    assert "Exception ignored" not in message, message
    return code, manifest is not None and manifest.finished


def run_hindcast(folder: Path, name: str) -> None:
    """In a process of its own."""
    runs.run("dead-token-drift", overrides=list(SHORT), output=folder / name)


def resume_hindcast(folder: Path, name: str) -> None:
    """In a process of its own."""
    runs.resume(folder / name)


@pytest.mark.validate
def test_two_hundred_random_kills_of_a_hindcast(hindcast: tuple[Path, float], tmp_path: Path) -> None:
    """Processes are forked from one that has imported everything, so that most of their time is that of the run."""
    whole, _ = hindcast
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__, "gasfield.plots", "gasfield.diagnostics", "h5py", "numba"])
    chance, seconds, kills = np.random.default_rng(15), 0.0, 0
    for number in range(-2, 200):
        name, begun = f"run-{number}", time.monotonic()
        process = processes.Process(target=run_hindcast, args=(tmp_path, name))
        process.start()
        process.join(None if number < 0 else chance.uniform(0.02, 1.0) * seconds)
        process.kill()
        process.join()
        seconds = time.monotonic() - begun if number < 0 else seconds
        kills += process.exitcode == -signal.SIGKILL
        if (tmp_path / name).exists() and not Manifest.read(tmp_path / name).finished:
            process = processes.Process(target=resume_hindcast, args=(tmp_path, name))
            process.start()
            process.join()
            assert process.exitcode == 0, number
        if (tmp_path / name).exists():
            assert_same_results(whole, tmp_path / name)
            shutil.rmtree(tmp_path / name)
        print(f"{kills} kills", flush=True)
    assert kills > 190


@pytest.mark.validate
@BOTH
def test_fifty_signals_at_random_times(number: signal.Signals, hindcast: tuple[Path, float], tmp_path: Path) -> None:
    whole, seconds = hindcast
    chance, ended = np.random.default_rng(int(number)), 0
    for run in range(50):
        code, done = signalled(tmp_path, f"run-{run}", chance.uniform(0.3, 1.0) * seconds, number)
        assert code == 128 + number or done, code
        ended += not done
        resumed(tmp_path, whole, f"run-{run}")
    assert ended > 40


def start_many(folder: Path, count: int, barrier: Any, faults: Any) -> None:
    """In a process of its own: starts runs, each at the same moment as those of the other processes."""
    os.chdir(folder)
    scenario = load_scenario("mine.yaml", ["run.steps=2", "run.record_every=1", "diagnostics=[]"])
    for _ in range(count):
        barrier.wait()
        try:
            runs.run(scenario)
        except BaseException as fault:
            faults.put(repr(fault))


@pytest.mark.validate
def test_a_thousand_starts_two_dozen_at_a_time(here: Path) -> None:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__, "gasfield.plots", "gasfield.diagnostics", "h5py", "numba"])
    barrier, faults = processes.Barrier(24), processes.Queue()
    several = [processes.Process(target=start_many, args=(here, 42, barrier, faults)) for _ in range(24)]
    for process in several:
        process.start()
    for process in several:
        process.join()
    assert faults.empty(), faults.get()
    numbers = sorted(path.name for path in (here / "outputs/mine").iterdir())
    assert numbers == sorted([*(f"{number:03d}" for number in range(1, 24 * 42 + 1)), "latest"])
    assert all(Manifest.read(here / "outputs/mine" / name).finished for name in numbers)
