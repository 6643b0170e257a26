"""The shipped scenario `layers-as-time`: its first group takes the steps of the model; numbers of the gallery."""

from __future__ import annotations

import numpy as np
import pytest
from paths import ROOT

from gasfield.simulation import Simulation
from gasfield.transformer import logits, read_transformer, streams

LOSSES = {"trained": 2.83, "uniform": 3.84, "no-attention": 4.76, "no-mlp": 7.17, "one-layer": 8.88, "collapse": 11.52}
COSINES = {"trained": 0.16, "no-mlp": 0.90, "collapse": 0.999}


def test_the_sentence_and_its_counterfactuals() -> None:
    sim = Simulation.from_scenario("layers-as-time")
    model = read_transformer(ROOT / "scenarios" / "models" / "kjv-tiny")
    rows = sim.gas.members("trained")
    ids = sim.gas.token_ids[rows]
    for step, x in streams(model, ids):
        sim.step(step - sim.gas.step)
        np.testing.assert_array_equal(sim.gas.positions[rows], x)
    for name, loss in LOSSES.items():
        x = sim.gas.positions[sim.gas.members(name)]
        scores = logits(model, x).astype(float)
        scores -= scores.max(axis=1, keepdims=True)
        chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        assert -np.log(chances[np.arange(len(ids) - 1), ids[1:]]).mean() == pytest.approx(loss, abs=0.01)
        if name in COSINES:
            units = x / np.linalg.norm(x, axis=1, keepdims=True)
            cosines = (units @ units.T)[np.triu_indices(len(x), 1)]
            assert cosines.mean() == pytest.approx(COSINES[name], abs=0.005)
