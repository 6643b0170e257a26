"""The scenarios hot-prompt and cold-prompt: their macrostates differ, those of two hot prompts do not."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from paths import ROOT
from scipy.stats import chi2_contingency

from gasfield.errors import InputError
from gasfield.language.open import open_model
from gasfield.sampling.injection import FieldEntropy
from gasfield.sampling.prompt_heat import prompt_heat
from gasfield.scenario.sources import GAS_SOURCES, SourceContext
from gasfield.simulation import Simulation
from gasfield.spaces import SPACES
from gasfield.testing.tools import gas_of
from gasfield.trajectory import Trajectory

PROMPTS = {"hot-prompt": 7.2277, "cold-prompt": 1.4812}
"""Entropy of SmolLM2's next token after the prompt of each scenario [nats]."""
FASTER = ["gas.0.from.count=400", "dynamics.time_step=0.1", "temperature.steps=1500", "run.steps=1700"]


@lru_cache
def at_rest(name: str, *overrides: str) -> np.ndarray:
    """(3,) particles of a run among common words, rarer tokens and digits, with a longer time step."""
    places = Simulation.from_scenario(name, [*FASTER, *overrides]).step(1700).gas.positions
    digits, common = places[:, 1] > 0.9, places[:, 0] > 0.85
    return np.array([np.sum(common & ~digits), np.sum(~common & ~digits), np.sum(digits)])


def p_value(one: np.ndarray, other: np.ndarray) -> float:
    """Of the hypothesis that both samples have the same shares."""
    table = np.array([one, other])
    return float(chi2_contingency(table[:, table.sum(axis=0) > 0]).pvalue)


def test_hot_and_cold_macrostates_differ_and_two_hot_ones_do_not() -> None:
    hot, cold = at_rest("hot-prompt"), at_rest("cold-prompt")
    other_hot = at_rest("hot-prompt", "seed=2", "temperature.from=1.042")  # another vague prompt, 7.264 nats
    assert p_value(hot, other_hot) > 1e-3
    assert p_value(hot, cold) < 1e-50
    assert cold[0] == 400
    assert hot.min() > 0  # all three basins are occupied


def test_random_labels_make_no_macrostate() -> None:
    """The particles of both scenarios, dealt into two heaps at random."""
    kinds = np.repeat(np.arange(3), at_rest("hot-prompt") + at_rest("cold-prompt"))
    heap = np.random.default_rng(1).permutation(kinds)[:400]
    first = np.bincount(heap, minlength=3)
    assert p_value(first, np.bincount(kinds, minlength=3) - first) > 1e-3


@pytest.mark.parametrize("name", PROMPTS)
def test_the_injection_temperature_is_that_of_the_prompts_entropy(name: str) -> None:
    """By quadrature in the box of the scenario, to the digits that it states."""
    simulation = Simulation.from_scenario(name)

    def energy(places: np.ndarray) -> np.ndarray:
        return np.asarray(simulation.forces.energy(gas_of(np.ascontiguousarray(places))))

    with Trajectory(ROOT / "scenarios" / "fields" / "smollm2-plane.h5") as file:
        own = float(file.attributes["entropy"])
        assert "Apache-2.0" in file.attributes["license"]
    halves = 0.5 * np.array([7.2, 4.4])
    law = FieldEntropy(energy, -halves, halves, known_at=1.0, known=own)
    assert simulation.bath is not None
    (temperature,) = simulation.bath.at(0)
    assert law.entropy(float(temperature)) == pytest.approx(PROMPTS[name], abs=2e-3)


@pytest.mark.validate
def test_the_entropies_of_both_prompts_are_those_of_the_real_model(smollm2: Path) -> None:
    """And random words are improbable without being precise."""
    model = open_model(smollm2)
    hot, cold, words = (
        prompt_heat(model, text)
        for text in (
            "My favourite thing is the",
            "The capital of France is",
            "Audit cohesion emigration evaporates context circuit",
        )
    )
    assert hot.entropy[-1] == pytest.approx(PROMPTS["hot-prompt"], abs=2e-3)
    assert cold.entropy[-1] == pytest.approx(PROMPTS["cold-prompt"], abs=2e-3)
    assert words.surprisal.mean() > 2 * hot.surprisal.mean()
    assert words.entropy[-1] > 4 * cold.entropy[-1]


def test_particles_enter_on_one_face_of_the_box() -> None:
    source = GAS_SOURCES.parse({"kind": "wall", "count": 4000, "axis": 1, "end": "high"})
    box = SPACES.parse({"kind": "box", "dimensions": 2, "sides": [4.0, 6.0]})
    places = source.gas(SourceContext("gas", box, 1, 0, ROOT.joinpath)).positions
    assert (places[:, 1] == 3.0).all()
    assert box.contains(places).all()
    counts, _ = np.histogram(places[:, 0], bins=8, range=(-2.0, 2.0))
    assert np.sum((counts - 500) ** 2 / 500) < 7 + 4 * np.sqrt(2 * 7)
    for space, axis, says in (("free", 0, "only a box"), ("periodic", 0, "only a box"), ("box", 2, "0 to 1")):
        sides = {} if space == "free" else {"side": 4.0}
        with pytest.raises(InputError, match=says):
            GAS_SOURCES.parse({"kind": "wall", "count": 1, "axis": axis}).gas(
                SourceContext("gas", SPACES.parse({"kind": space, "dimensions": 2} | sides), 1, 0, ROOT.joinpath)
            )
