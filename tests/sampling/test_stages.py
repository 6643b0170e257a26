"""What processors do as physics: identities of canonical thermodynamics, and the broken shift of a penalty."""

from __future__ import annotations

import numpy as np
import pytest

from gasfield.sampling.chain import Chain
from gasfield.sampling.processors import History
from gasfield.sampling.stages import divergence, shift_of, stages
from gasfield.statistics.canonical import canonical, energies_of

LOGITS = np.random.default_rng(4).normal(scale=3.0, size=300) + 2.0
HISTORY = History(np.array([np.argsort(-LOGITS)[:6]]), prompt=3)


def test_a_temperature_is_canonical() -> None:
    temperature = 0.6
    (stage,) = stages(Chain.of(temperature=temperature), LOGITS)
    exact = canonical(energies_of(LOGITS), [temperature, 1.0])
    assert stage.free_energy == pytest.approx(exact.free_energy[0] / temperature, abs=1e-10)
    assert stage.entropy == pytest.approx(exact.entropy[0], abs=1e-10)
    assert stage.entropy_removed == pytest.approx(exact.entropy[1] - exact.entropy[0], abs=1e-10)
    assert stage.divergence == pytest.approx(exact.energy[0] - exact.entropy[0], abs=1e-10)  # F of Q at T = 1
    assert (stage.forbidden, stage.mass_removed, stage.allowed) == (0.0, 0.0, 300.0)


@pytest.mark.parametrize("setting", [{"top_p": 0.8}, {"top_k": 5}, {"min_p": 0.1}, {"typical_p": 0.6}])
def test_a_truncation_costs_the_free_energy_of_confinement(setting: dict[str, float]) -> None:
    (stage,) = stages(Chain.of("transformers", **setting), LOGITS)
    assert stage.mass_removed > 0.0
    assert stage.free_energy == pytest.approx(-np.log1p(-stage.mass_removed), abs=1e-12)
    assert stage.divergence == pytest.approx(stage.free_energy, abs=1e-12)
    assert stage.allowed + stage.forbidden == 300.0


def test_stages_follow_one_another() -> None:
    chain = Chain.of("llama.cpp", frequency_penalty=0.7, top_k=20, xtc_probability=0.5, temperature=0.8)
    found = stages(chain, LOGITS, HISTORY)
    assert [stage.processor.kind for stage in found] == ["frequency", "top-k", "xtc", "temperature"]
    assert found[-1].entropy == pytest.approx(-(law := chain.law(LOGITS, HISTORY))[law > 0] @ np.log(law[law > 0]))
    start = canonical(energies_of(LOGITS), 1.0).entropy[0]
    assert start - sum(stage.entropy_removed for stage in found) == pytest.approx(found[-1].entropy)
    leaf = found[1].as_json()
    assert leaf["processor"] == {"kind": "top-k", "top_k": 20, "min_keep": 1}
    assert leaf["mass_removed"].keys() == {"value", "unit", "error"}


def test_only_a_multiplicative_penalty_depends_on_the_zero_of_the_logits() -> None:
    for settings in ({"frequency_penalty": 0.5}, {"presence_penalty": 0.5}, {"top_p": 0.7}, {"temperature": 0.5}):
        assert shift_of(Chain.of("vllm", **settings), LOGITS, HISTORY).distance < 1e-12
    assert shift_of(Chain.of(repetition_penalty=1.2), LOGITS, HISTORY).divergence > 0.1


def test_a_repetition_penalty_by_hand() -> None:
    """Logits 2, 0 of two tokens, the first said before, r = 2: 1, 0; shifted to a maximum of 0: 0, -2 stay so."""
    history = History.of([0])
    chain = Chain.of(repetition_penalty=2.0)
    (stage,) = stages(chain, [2.0, 0.0], history)
    before, after = np.exp([2.0, 0.0]), np.exp([1.0, 0.0])
    assert stage.free_energy == pytest.approx(np.log(before.sum() / after.sum()))
    expected = divergence(after / after.sum(), before / before.sum())
    assert stage.divergence == pytest.approx(expected)
    assert shift_of(chain, [2.0, 0.0], history).divergence == pytest.approx(expected)


def test_forbidden_tokens_leave_the_free_energy_of_a_penalty_finite() -> None:
    chain = Chain.of("transformers", repetition_penalty=1.3)
    (found,) = stages(chain, [1.0, -np.inf, 2.0, 0.5], History.of([0]))
    (without,) = stages(chain, [1.0, 2.0, 0.5], History.of([0]))
    assert found.free_energy == pytest.approx(without.free_energy, abs=1e-12)


def test_states_whose_probability_underflows_are_forbidden_by_a_truncation_all_the_same() -> None:
    *_, cut = stages(Chain.of("transformers", temperature=0.01, top_k=2), [12.0, 11.9, 1.0, 0.0, -1.0])
    assert cut.forbidden == 3.0
