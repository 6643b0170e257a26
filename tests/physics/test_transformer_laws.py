"""The passage of tokens through a transformer: the engine takes the steps of the model, its attention is the mean-field
attention of the mathematicians in the case in which it must be, and without residual connections tokens collapse as
Dong, Cordonnier and Loukas (arXiv:2103.03404) prove, or as the causal mask prescribes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
import tiny_transformers as tiny
from threadpoolctl import threadpool_limits

from gasfield.forces import FORCES, Force, Surroundings, build_force
from gasfield.forces.transformer.transformer_attention import TransformerAttention, TransformerAttentionForce
from gasfield.gas import Gas
from gasfield.simulation import Simulation
from gasfield.spaces import Free
from gasfield.transformer import (
    MLP,
    Layer,
    Norm,
    Transformer,
    arithmetic,
    attend,
    embed,
    head_writes,
    logits,
    mix,
    normalise,
    project,
    read_transformer,
    streams,
)

IDS = np.array([3, 17, 0, 39, 17, 5, 22, 8])
EPS = 2.0**-53


def parts_of(folder: str, **attention: Any) -> list[dict[str, Any]]:
    return [
        {"kind": "transformer_attention", "model": folder, **attention},
        {"kind": "transformer_mlp", "model": folder},
    ]


@pytest.mark.parametrize("family", ["llama", "gpt2", "gpt_neox"])
def test_a_run_takes_the_steps_of_the_model(family: str, tmp_path: Path) -> None:
    """In float32 the engine's stream is the model's at every step: to the bit where parts follow each other, and to
    two roundings where attention and MLP are added at once."""
    folder = {"llama": tiny.LLAMA_FOLDER, "gpt_neox": tiny.NEOX_FOLDER}.get(family) or str(
        tiny_models.write_gpt2(tmp_path / "gpt2")
    )
    model = read_transformer(folder)
    sim = Simulation(embed(model, IDS), forces=parts_of(folder), dynamics={"kind": "layers"})
    for step, x in streams(model, IDS):
        sim.step(step - sim.gas.step)
        assert sim.gas.time == step / 2
        difference = np.abs(sim.gas.positions - x).max(axis=1)
        assert (difference <= (2.0**-22 * np.linalg.norm(x, axis=1) if family == "gpt_neox" else 0.0)).all()
    assert step == model.steps
    changed = Simulation(embed(model, IDS), forces=parts_of(folder, beta=1.05), dynamics={"kind": "layers"})
    assert np.abs(changed.step(model.steps).gas.positions - x).max() > 1e-4


def test_several_texts_in_one_gas_do_not_see_each_other() -> None:
    model = read_transformer(tiny.LLAMA_FOLDER)
    gas = Gas(np.concatenate([embed(model, IDS), embed(model, IDS[:3])]), np.repeat([0, 1], [8, 3]), ["one", "other"])
    forces = [force | {"groups": "each"} for force in parts_of(tiny.LLAMA_FOLDER)]
    both = Simulation(gas, forces=forces, dynamics={"kind": "layers"}).step(4).gas.positions
    alone = Simulation(embed(model, IDS[:3]), forces=parts_of(tiny.LLAMA_FOLDER), dynamics={"kind": "layers"}).step(4)
    np.testing.assert_allclose(both[8:], alone.gas.positions, rtol=0, atol=1e-6)


def test_a_passive_particle_at_a_token_goes_where_the_token_goes() -> None:
    """And moves no token."""
    model = read_transformer(tiny.LLAMA_FOLDER)
    x = embed(model, IDS)
    gas = Gas(np.concatenate([x, x[5:6]]), is_source=np.arange(9) < 8)
    run = {"dynamics": {"kind": "layers", "precision": "float64"}}
    ends = [
        Simulation(g, forces=parts_of(tiny.LLAMA_FOLDER, host=5), **run).step(4).gas.positions for g in (gas, Gas(x))
    ]
    np.testing.assert_allclose(ends[0][8], ends[0][5], rtol=0, atol=1e-13)
    np.testing.assert_allclose(ends[0][:8], ends[1], rtol=0, atol=1e-13)


def one_head(width: int, norm: Norm) -> Transformer:
    """Q = K = width^(1/4) 1, so that the score q . k / sqrt(width) is x . y, and O V = 1."""
    one = np.eye(width, dtype=np.float32)[None]
    root = np.float32(width**0.25) * one
    mlp = MLP("relu", None, np.zeros((1, width), np.float32), np.zeros((width, 1), np.float32))
    layer = Layer(norm, norm, root, root, one, one, mlp, scale=width**-0.5)
    return Transformer("one head", "llama", one[0], None, (layer,), norm, one[0], 100)


@pytest.mark.parametrize("causal", [True, False])
def test_with_one_head_and_identity_matrices_it_is_mean_field_attention(causal: bool) -> None:
    """On the stream itself, and with an RMS norm of weight 1/sqrt(D) on the unit sphere.

    Both sum the same products in float64: a score is off by (D + 4) eps |q| |k| beta, a weight relatively by twice as
    much, the mean by that and (S + 4) eps of the largest |x|; twice that between two implementations.
    """
    width, count, beta = 16, 30, 1.3
    norm = Norm("rms", np.full(width, 0.25, np.float32), None, 0.0)
    model, x = one_head(width, norm), 2 * np.random.default_rng(0).standard_normal((count, width))
    mean = build_force(
        FORCES.parse({"kind": "attention", "beta": beta, "causal": causal}), Surroundings(Free(dimensions=width))
    )
    for place, read in (("none", x), ("before", x / np.linalg.norm(x, axis=1, keepdims=True))):
        law = TransformerAttention(model="-", beta=beta, causal=causal, normalisation=place)
        found = felt(TransformerAttentionForce(law, model), Gas(x))
        largest = np.linalg.norm(read, axis=1).max()
        tolerance = 2 * EPS * largest * (2 * (width + 4) * beta * largest**2 + count + 4)
        assert np.abs(found - felt(mean, Gas(read))).max() < tolerance
        other = TransformerAttention(model="-", beta=1.01 * beta, causal=causal, normalisation=place)
        assert np.abs(felt(TransformerAttentionForce(other, model), Gas(x)) - found).max() > 100 * tolerance


def felt(force: Force, gas: Gas) -> np.ndarray:
    total = np.zeros(gas.positions.shape)
    force.add(gas, total)
    return total


def residuals(causal: bool, spread: float, layers: int) -> np.ndarray:
    """Distance of 12 tokens from a common point, relative to their size, over layers without residual connection, MLP,
    norm and rotary positions; O V = 1."""
    norm = Norm("rms", np.ones(16, np.float32), None, 0.0)
    law = TransformerAttention(model="-", layer=1, residual=False, causal=causal, normalisation="none")
    force = TransformerAttentionForce(law, one_head(16, norm))
    start = 0.5 + spread * np.random.default_rng(1).standard_normal((12, 16))
    sim = Simulation(start, forces=[force], dynamics={"kind": "layers", "precision": "float64"})
    found = []
    for _ in range(layers + 1):
        x = sim.gas.positions
        found.append(np.linalg.norm(x - x.mean(axis=0)) / np.linalg.norm(x))
        sim.step(2)
    return np.array(found)


def test_without_mask_and_residual_rank_collapses_doubly_exponentially() -> None:
    """Rows of the softmax differ by O(r^2) where tokens differ by r, so that a layer takes r to c r^3 (1 + O(r)): a
    tenth of r becomes a thousandth. The causal mask leaves a tenth."""
    for causal, power in ((False, 3), (True, 1)):
        wide, narrow = (residuals(causal, spread, 1)[1] for spread in (1e-2, 1e-3))
        assert abs(np.log10(wide / narrow) - power) < 0.05


def test_with_a_causal_mask_it_halves_in_a_layer() -> None:
    """Near collapse every token takes the plain mean of those up to it: a triangular matrix with eigenvalues 1, 1/2,
    1/3, ..., so that r falls by 1/2 a layer, and what else there is by (2/3)^l more: 5e-6 after 30 layers."""
    r = residuals(causal=True, spread=0.1, layers=36)
    np.testing.assert_allclose(r[31:] / r[30:-1], 0.5, rtol=0, atol=1e-3)


def test_noise_of_a_layer_has_the_variance_of_the_temperature() -> None:
    """x gains T per coordinate and step: after 6 steps 6 T, with a standard error of sqrt(2/n) of it."""
    start, temperature = np.zeros((400, 8)), 0.3
    end = Simulation(start, dynamics={"kind": "layers"}, temperature=temperature, seed=5).step(6).gas.positions
    for expected, fits in ((6 * temperature, True), (3 * temperature, False)):
        assert (abs(end.var() / expected - 1) < 5 * np.sqrt(2 / end.size)) == fits
    still = Simulation(start, dynamics={"kind": "layers"}).step(6).gas
    assert not still.positions.any()
    assert (still.step, still.time) == (6, 3.0)


def test_scores_in_blocks_are_scores_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = read_transformer(tiny.LLAMA_FOLDER)
    x = np.random.default_rng(0).standard_normal((20, 6))
    whole = attend(model.layers[0], x)
    monkeypatch.setattr(arithmetic, "_SCORES", 4 * 20 * 3)  # three queries at once
    np.testing.assert_allclose(attend(model.layers[0], x), whole, rtol=0, atol=1e-14)


def test_writes_of_heads_and_bias_sum_to_attention(tmp_path: Path) -> None:
    model = read_transformer(tiny_models.write_gpt2(tmp_path / "gpt2"))
    layer, x = model.layers[1], np.random.default_rng(0).standard_normal((9, 16))
    read, places = normalise(layer.before_attention, x), np.arange(9)
    query, key, value = project(layer, read, places)
    writes = head_writes(layer, mix(query, key, value, places + 1, layer.scale))
    assert writes.shape == (4, 9, 16)
    np.testing.assert_allclose(writes.sum(axis=0) + layer.output_bias, attend(layer, read), rtol=0, atol=1e-12)
    assert np.abs(writes.sum(axis=0) - attend(layer, read)).max() > 1e-3


def test_logits_are_those_of_the_definition(tmp_path: Path) -> None:
    weights = tiny_models.gpt2_weights()
    model = read_transformer(tiny_models.write_gpt2(tmp_path / "gpt2", weights))
    *_, (_, x) = streams(model, IDS)
    exact = tiny_models.logits_by_definition(weights, IDS)
    assert np.abs(logits(model, x) - exact).max() < 1e-5 * np.abs(exact).max()


def test_bits_do_not_depend_on_the_threads_of_products(tmp_path: Path) -> None:
    width = 96
    model = tiny.tiny_llama(width=width).write(tmp_path / "wide", "model.")
    gas = Gas(np.random.default_rng(0).standard_normal((200, width)))
    for force in parts_of(str(model)):
        at_work, found = build_force(FORCES.parse(force), Surroundings(Free(dimensions=width))), []
        at_work = at_work.with_precision("float32")
        gas.step = 0 if force["kind"] == "transformer_attention" else 1
        for threads in (1, 2):
            with threadpool_limits(threads, user_api="blas"):
                found.append(felt(at_work, gas))
        np.testing.assert_array_equal(*found)
        assert found[0].any()
