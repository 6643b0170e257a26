"""Every seed below 2^64 is legal, and gives numbers of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gasfield
from gasfield import Simulation
from gasfield.errors import InputError
from gasfield.forces.attention.hopfield import DrawnPatterns
from gasfield.forces.fields.experts import DrawnCentres
from gasfield.operations import TrajectoryRecorder
from gasfield.recording.plan import TrainingPlan
from gasfield.streams import Stream, generator, require_seed, word

EDGES = [0, 1, 2**31, 2**32, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 2, 2**64 - 1]


def test_seeds_do_not_collide() -> None:
    """NumPy takes a list with an integer from 2^63 on as floats, in which neighbouring seeds are one (numpy#4676)."""
    assert len({float(seed) for seed in EDGES}) < len(EDGES)
    for stream in Stream:
        assert len({generator(seed, stream).bytes(16) for seed in EDGES}) == len(EDGES)
        assert len({word(seed, stream) for seed in EDGES}) == len(EDGES)


def test_a_seed_gives_the_numbers_that_it_gave() -> None:
    drawn = generator(5, Stream.INITIAL_CLOUD, 2).integers(2**63, size=2).tolist()
    key = [5, (int(Stream.INITIAL_CLOUD) << 32) + 2]
    assert drawn == np.random.Generator(np.random.Philox(key=key)).integers(2**63, size=2).tolist()


def test_neighbouring_seeds_beyond_2_to_63_move_differently(tmp_path: Path) -> None:
    ways = []
    for seed in (2**63, 2**63 + 1, 2**64 - 1):
        path = tmp_path / f"{seed}.h5"
        sim = Simulation(
            {"kind": "gaussian", "count": 3, "spread": 1.0},
            space={"kind": "free", "dimensions": 2},
            dynamics={"kind": "brownian", "time_step": 0.1},
            temperature=1.0,
            seed=seed,
            operations=[TrajectoryRecorder(path)],
        )
        sim.step(2).close()
        with gasfield.open(path) as trajectory:
            assert int(trajectory.attributes["seed"]) == seed
            ways.append(trajectory.positions())
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert (ways[first] != ways[second]).all()


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, True, "5", None])
def test_what_is_no_seed_is_refused(seed: Any) -> None:
    for refuses in (
        lambda: require_seed(seed),
        lambda: Simulation(np.zeros((1, 2)), dynamics={"kind": "newton", "time_step": 0.1}, seed=seed),
    ):
        with pytest.raises(InputError, match=r"seed.*from 0 to 2\^64 - 1"):
            refuses()


@pytest.mark.parametrize("spec", [DrawnPatterns, DrawnCentres, TrainingPlan])
def test_seeds_in_specifications_have_the_same_range(spec: Any) -> None:
    count = {"count": 2} if spec is DrawnPatterns else {}
    assert spec(seed=2**64 - 1, **count).seed == 2**64 - 1
    for seed in (-1, 2**64):
        with pytest.raises(InputError, match="seed"):
            spec(seed=seed, **count)
