"""Attention in blocks: its sums against the definition, and what its bits do not depend on."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numba
import numpy as np
import pytest
from force_cases.case import build, gas_at, pull
from paths import ROOT

from gasfield.forces.attention.attention import AttentionForce
from gasfield.forces.attention.heads import HeadArrays
from gasfield.spaces import Free

U32 = 2.0**-24


def defined(
    x: np.ndarray, sources: np.ndarray, beta: float, heads: list[HeadArrays], *, causal: bool, softmax: bool = True
) -> np.ndarray:
    """The definition, with the whole matrix of scores."""
    seen = np.broadcast_to(sources, (len(x), len(x)))
    if causal:
        seen = seen & np.tri(len(x), dtype=bool)
    force = np.zeros_like(x)
    for query, key, value in heads:
        left, right = (x if matrix is None else x @ matrix.T for matrix in (query, key))
        scores = np.where(seen, beta * left @ right.T, -np.inf)
        top = np.max(scores, axis=1, keepdims=True, initial=-1e300) if softmax else 0.0
        weights = np.exp(scores - top)
        norm = weights.sum(axis=1, keepdims=True) if softmax else seen.sum(axis=1, keepdims=True)
        mean = np.divide(weights @ x, norm, out=np.zeros_like(x), where=norm > 0)
        force += mean if value is None else mean @ value.T
    return force


def head(chance: np.random.Generator, rows: int, dimensions: int) -> HeadArrays:
    query, key = chance.standard_normal((2, rows, dimensions)) / np.sqrt(dimensions)
    return HeadArrays(query, key, chance.standard_normal((dimensions, dimensions)) / np.sqrt(dimensions))


@pytest.mark.parametrize("softmax", [True, False])
@pytest.mark.parametrize(("count", "dimensions"), [(1, 1), (7, 2), (33, 3), (129, 8), (300, 70), (150, 300)])
def test_blocks_add_up_to_the_definition(count: int, dimensions: int, softmax: bool) -> None:
    """Sizes that are no multiples of blocks; heads with fewer and with more rows than columns, and without matrices.

    In float32 within the stated bound, and not by chance in float64.
    """
    chance = np.random.default_rng(count)
    x, sources, beta = chance.standard_normal((count, dimensions)), chance.random(count) < 0.8, 1.3 / dimensions
    gas = gas_at(x, sources)
    for heads in ([HeadArrays()], [head(chance, 5, dimensions), head(chance, dimensions + 3, dimensions)]):
        for causal in (False, True):
            law = AttentionForce(softmax, beta, heads, causal=causal)
            expected = defined(x, sources, beta, heads, causal=causal, softmax=softmax)
            np.testing.assert_allclose(pull(law, gas), expected, rtol=1e-11, atol=1e-12 * np.abs(expected).max())
    single = pull(AttentionForce(softmax, beta, [HeadArrays()], precision="float32"), gas)
    exact = defined(x, sources, beta, [HeadArrays()], causal=False, softmax=softmax)
    error = np.abs(single - exact).max()
    scores = beta * np.abs(x) @ np.abs(x).T
    scale = np.abs(x).max() * (1.0 if softmax else np.exp(beta * (x @ x.T)).max())
    assert error <= scale * (2 * (dimensions + 6) * U32 * scores.max() + 2.0**-17)
    assert error > 0 or not sources.any()


def test_bits_do_not_depend_on_threads() -> None:
    gas = gas_at(np.random.default_rng(2).standard_normal((700, 20)))
    allowed = numba.get_num_threads()
    law = AttentionForce(True, 0.3, [HeadArrays()], causal=True)
    found = []
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            found.append(pull(law, gas))
    finally:
        numba.set_num_threads(allowed)
    np.testing.assert_array_equal(*found)


# Causal attention.


@pytest.mark.parametrize("form", ["softmax", "unnormalised"])
def test_later_tokens_do_not_change_the_forces_on_earlier_ones(form: str) -> None:
    """To the last bit, wherever the sequence is cut. Negative control: without the mask they do."""
    x, sources = np.random.default_rng(3).standard_normal((400, 6)), np.random.default_rng(4).random(400) < 0.7
    causal = build("attention", Free(dimensions=6), beta=0.4, form=form, causal=True)
    whole = pull(causal, gas_at(x, sources))
    for cut in (1, 2, 31, 128, 129, 257):
        np.testing.assert_array_equal(pull(causal, gas_at(x[:cut], sources[:cut])), whole[:cut])
    mutual = build("attention", Free(dimensions=6), beta=0.4, form=form)
    assert np.abs(pull(mutual, gas_at(x[:257], sources[:257])) - pull(mutual, gas_at(x, sources))[:257]).max() > 1e-3


def test_the_first_token_attends_to_itself_only() -> None:
    """And a passive tracer to the sources before it: none before the first."""
    x = np.random.default_rng(5).standard_normal((5, 3))
    causal = build("attention", Free(dimensions=3), causal=True)
    np.testing.assert_allclose(pull(causal, gas_at(x))[0], x[0], rtol=1e-15)
    felt = pull(causal, gas_at(x, np.array([False, True, False, True, True])))
    np.testing.assert_array_equal(felt[0], 0.0)
    np.testing.assert_allclose(felt[1:3], x[[1, 1]], rtol=1e-15)


def test_causal_attention_has_no_potential() -> None:
    law = build("attention", Free(dimensions=3), form="unnormalised", causal=True)
    assert not law.conservative
    with pytest.raises(ValueError, match="no potential energy"):
        law.energy(gas_at(np.ones((2, 3))))


# Numbers out of range.


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_particle_that_is_not_finite_does_not_affect_others(precision: Any, broken: float) -> None:
    """Its own force is NaN; the others attend as if it were not there."""
    x = np.random.default_rng(6).standard_normal((150, 4))
    law = AttentionForce(True, 1.0, [HeadArrays()], precision=precision)
    kept = np.arange(150) != 77
    expected = pull(law, gas_at(x[kept]))
    x[77, 2] = broken
    felt = pull(law, gas_at(x))
    np.testing.assert_array_equal(felt[kept], expected)
    assert np.isnan(felt[77]).any()


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_large_scores_do_not_overflow(precision: Any) -> None:
    """At |s| of 1e6 a token attends to the largest score alone; unnormalised, the result may overflow, not a sum."""
    x = np.random.default_rng(7).standard_normal((140, 3))
    felt = pull(AttentionForce(True, 1e6, [HeadArrays()], precision=precision), gas_at(x))
    np.testing.assert_allclose(felt, x[np.argmax(x @ x.T, axis=1)], rtol=1e-6)
    steep = AttentionForce(False, 300.0, [HeadArrays()], precision=precision)
    one = pull(steep, gas_at(np.array([[1.0, 0.0], [0.0, 1.0]])))  # exp(300) is beyond float32
    np.testing.assert_allclose(one, 0.5 * np.exp(300.0) * np.eye(2), rtol=1e-4, atol=1.0)


# Memory.


@pytest.mark.validate
def test_memory_is_linear_in_the_number_of_tokens() -> None:
    """65,536 tokens at D = 64: packed keys and values, and positions in float32; all scores would take 17 or 34 GB."""
    megabytes = []
    for precision in ("float32", "float64"):
        command = [sys.executable, "-m", "benchmarks.attention", "65536", "64", "2", precision]
        lines = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.splitlines()
        megabytes += [float(line.split("|")[3]) for line in lines if ", memory|" in line]
    assert len(megabytes) == 2
    assert all(16 < needed < 100 for needed in megabytes)  # packed float32 keys alone take 17
