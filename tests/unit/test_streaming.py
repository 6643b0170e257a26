"""Long trajectories are read block by block: the results are those of trajectories in memory, and memory is bounded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gasfield.diagnostics import DIAGNOSTICS, diagnose, grouping, stored
from gasfield.diagnostics import group as groups
from gasfield.diagnostics.grouping import whole_of
from gasfield.gas import Gas
from gasfield.hdf5 import chunks
from gasfield.runs.run import run
from gasfield.trajectory import Trajectory, TrajectoryWriter

LANGEVIN = {"kind": "langevin", "time_step": 0.05, "friction": 0.5}
NEWTON = {"kind": "newton", "time_step": 0.02}
FLOW = {"kind": "advection", "time_step": 0.05}
MATRIX = [[0.0, -1.0], [1.0, 0.0]]
LATTICE = {
    "name": "lattice",
    "shape": {"kind": "sheet", "side": [3, 3], "spacing": 0.2},
    "place": {"kind": "centroid", "of": "gas"},
    "plant_at": 13,
}
CASES: dict[str, dict[str, Any]] = {
    "bath": {
        "forces": [{"kind": "double_well", "tilt": 0.1}],
        "dynamics": LANGEVIN,
        "temperature": 0.5,
        "tracers": [LATTICE],
    },
    "fluid": {
        "space": {"kind": "periodic", "side": 4.0, "dimensions": 3},
        "forces": [{"kind": "soft_repulsion", "strength": 2.0, "cutoff": 1.5}],
        "dynamics": LANGEVIN,
        "temperature": 0.5,
    },
    "cluster": {"forces": [{"kind": "gravity", "softening": 0.1}], "dynamics": NEWTON},
    "magnet": {"forces": [{"kind": "lorentz", "field": 2.0}], "dynamics": NEWTON},
    "sphere": {
        "space": {"kind": "sphere", "dimensions": 3},
        "forces": [{"kind": "attention", "beta": 2.0}],
        "dynamics": {"kind": "brownian", "time_step": 0.01},
        "temperature": 0.5,
    },
    "memory": {"forces": [{"kind": "hopfield", "patterns": [[1.0, 0.0], [-0.5, 1.0]], "beta": 3.0}], "dynamics": FLOW},
    "optimiser": {
        "space": {"kind": "free", "dimensions": 3},
        "forces": [{"kind": "harmonic", "stiffness": 1.0}],
        "dynamics": {"kind": "adamw", "learning_rate": 1e-2, "weight_dtype": "bfloat16", "moment_dtype": "bfloat16"},
    },
    "ladder": {
        "forces": [{"kind": "experts", "centres": [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]], "top": 3}],
        "dynamics": LANGEVIN,
        "replicas": {"temperatures": [0.3, 0.6], "every": 8},
    },
    "poles": {"forces": [{"kind": "emission_receptivity", "emission": {"matrix": MATRIX}}], "dynamics": FLOW},
}


OF_TRAINED_FIELDS = {"training", "student_density"}
"""Of the numbers of a field over time, and of one frame: there is nothing to read in blocks."""

OF_DEPTH_AND_LIVE_ROWS = {
    "layer_motion",
    "layer_work",
    "gram_entropy",
    "final_distance",
    "lens",
    "attention_reach",
    "heads",
    "live_work",
}
"""Of traces of a model and of recordings with gradients in parts; none of these runs is one."""


def scenario(case: str) -> dict[str, Any]:
    """A short run of two dozen particles."""
    start = {"kind": "gaussian", "count": 24, "spread": 1.0}
    gas = {"name": "gas", "from": start, "charge": 1.0 if case == "magnet" else 0.0}
    if case == "magnet":
        gas["velocities"] = {"kind": "thermal", "temperature": 0.3}
    return {
        "title": case,
        "question": "Do blocks give the same numbers?",
        "seed": 5,
        "space": {"kind": "free", "dimensions": 2},
        "gas": [gas],
        "run": {"steps": 120, "record_every": 4},
        "diagnostics": ["cloud"],
    } | CASES[case]


@pytest.fixture(scope="module")
def trajectories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Trajectory]]:
    """A run of each case."""
    opened = {}
    for case in CASES:
        folder = tmp_path_factory.mktemp(case)
        (folder / "scenario.yaml").write_text(json.dumps(scenario(case)))
        opened[case] = run(folder / "scenario.yaml", output=folder / "out", pictures="none").open()
    yield opened
    for trajectory in opened.values():
        trajectory.close()


@pytest.fixture
def streaming(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Leaves everything in the file, and makes blocks of a few frames or rows."""

    def begin() -> None:
        monkeypatch.setattr(grouping, "IN_MEMORY_BYTES", 0)
        monkeypatch.setattr(groups, "BLOCK_BYTES", 1 << 12)
        monkeypatch.setattr(stored, "_PIECE_BYTES", 1 << 16)

    return begin


def assert_same(found: Any, expected: Any, place: str = "") -> None:
    """Equal words; numbers within rounding."""
    assert type(found) is type(expected), place
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), place
        for key, value in expected.items():
            assert_same(found[key], value, f"{place}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), place
        for number, value in enumerate(expected):
            assert_same(found[number], value, f"{place}.{number}")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-14), place
    else:
        assert found == expected, place


def test_blocks_give_the_numbers_of_the_whole(
    trajectories: dict[str, Trajectory], streaming: Callable[[], None]
) -> None:
    whole = {case: diagnose(trajectory) for case, trajectory in trajectories.items()}
    results = [found for each in whole.values() for found in (*each.results.values(), each.whole)]
    assert {kind for found in results for kind in found} == set(
        DIAGNOSTICS
    ) - OF_TRAINED_FIELDS - OF_DEPTH_AND_LIVE_ROWS
    streaming()
    for case, trajectory in trajectories.items():
        assert_same(diagnose(trajectory).as_json(), whole[case].as_json(), case)


@pytest.mark.parametrize("seed", range(2))
def test_any_part_is_read_as_an_array_is_indexed(
    bf16: Trajectory, seed: int, streaming: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = bf16.positions()
    streaming()
    monkeypatch.setattr(stored, "_PIECE_BYTES", 1 << 12)
    positions = whole_of(bf16).positions
    assert isinstance(positions, stored.Stored)
    chance = np.random.default_rng(seed)
    frames, rows = (chance.permutation(length)[: length // 3] for length in whole.shape[:2])
    for picked, number in ((frames, rows), (np.sort(frames), slice(7, 90)), (slice(3, None, 7), np.sort(rows))):
        np.testing.assert_array_equal(positions[picked][:, number].astype(np.float32), whole[picked][:, number])
    np.testing.assert_array_equal(positions[::-1][::50][:3, rows], whole[::-1][::50][:3, rows])
    np.testing.assert_array_equal(positions[-2], whole[-2])
    np.testing.assert_array_equal(list(positions[frames]), whole[frames])
    assert positions[frames].nbytes == whole[frames].nbytes
    assert np.asarray(positions[:0]).shape == (0, *whole.shape[1:])


WALK = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
from gasfield.diagnostics import diagnose, group, grouping
grouping.IN_MEMORY_BYTES, group.BLOCK_BYTES = (int(size) for size in sys.argv[3:5])
print(json.dumps(diagnose(sys.argv[1]).as_json()["groups"]["walk"]))
"""


def walk(path: Path, rows: int, dimensions: int, frames: int) -> None:
    """Writes a random walk from the origin with steps of 0.01 along each axis."""
    chance = np.random.default_rng(3)
    x = np.zeros((rows, dimensions), np.float32)
    gas = Gas(x.astype(np.float64), np.zeros(rows, np.int64), ["walk"], np.full(rows, -1), [""] * rows)
    with TrajectoryWriter(path, gas, precision="float32", provenance={"source": "recording"}) as writer:
        for step in range(frames):
            writer.frame(step, float(step), x)
            x = x + np.float32(0.01) * chance.standard_normal(x.shape, dtype=np.float32)


def diagnosed_within(path: Path, limit: int, memory: int, block: int) -> dict[str, Any]:
    """What the diagnostics find of a walk with an address space of so many bytes."""
    one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")  # each thread reserves its own
    command = [sys.executable, "-c", WALK, str(path), *map(str, (limit, memory, block))]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | one, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.validate
def test_four_gigabytes_are_diagnosed_in_one_and_a_half(tmp_path: Path) -> None:
    path = tmp_path / "walk.h5"
    walk(path, 4_000, 64, 4_000)
    with Trajectory(path) as trajectory:
        assert len(trajectory) * trajectory.count * trajectory.dimensions * 4 > 4e9
    found = diagnosed_within(path, 1536 << 20, grouping.IN_MEMORY_BYTES, groups.BLOCK_BYTES)
    diffusion = found["transport"]["diffusion"]["einstein"]
    assert diffusion["value"] == pytest.approx(0.5e-4, abs=4 * diffusion["error"])
    assert found["step_length"]["median"]["value"] == pytest.approx(0.01 * np.sqrt(63.33), rel=2e-3)


@pytest.mark.validate
def test_memory_is_that_of_a_few_blocks(
    tmp_path: Path, streaming: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """NumPy tells what it allocates; what is imported and compiled meanwhile is not counted twice."""
    kinds = ["cloud", "coherence", "freezing", "pair_dispersion", "step_length", "transport"]
    walk(tmp_path / "short.h5", 16, 16, 20)
    walk(tmp_path / "walk.h5", 64, 64, 800)
    diagnose(tmp_path / "short.h5", kinds)
    streaming()
    monkeypatch.setattr(groups, "BLOCK_BYTES", 1 << 20)
    monkeypatch.setattr(chunks, "_CACHE_BYTES", 1 << 20)
    tracemalloc.start()
    try:
        diagnose(tmp_path / "walk.h5", kinds)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 * 64 * 800 * 4  # in float64 and in memory it is three times as much
