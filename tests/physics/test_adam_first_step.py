"""Adam's first step has a closed form: unbiased m / sqrt(v) is g / |g|, so W moves by eta |g| / (|g| + epsilon)."""

from __future__ import annotations

import numpy as np
import pytest
from gradients import initial_weights
from optimiser_steps import adamw_step

from gasfield.dynamics.adamw import AdamW
from gasfield.kernels.bfloat16 import keys, round_to_bfloat16

ROWS, DIMENSIONS = 3699, 64

# About ten operations on the way to the update, each rounded to float32 by at most 2^-24 relative.
TEN_ROUNDINGS = 10 * 2.0**-24


def first_step(weights: np.ndarray, gradient: np.ndarray, **constants) -> np.ndarray:
    """Displacement of the first step at a learning rate of .001 (float64, exact)."""
    moved = weights.copy()
    law = AdamW(learning_rate=1e-3, **constants)
    adamw_step(moved, gradient, *np.zeros((2, *weights.shape), np.float32), step=1, law=law)
    return moved.astype(float) - weights


@pytest.mark.parametrize(
    ("gradient", "published"), [(1e-6, 0.9901), (1e-8, 0.5), (1e-10, 0.0099), (-1e-8, -0.5)], ids=str
)
def test_a_gradient_near_epsilon_moves_by_part_of_the_learning_rate(gradient: float, published: float) -> None:
    part = -first_step(np.zeros((1, 1), np.float32), np.array([[gradient]]))[0, 0] / 1e-3
    assert part == pytest.approx(gradient / (abs(gradient) + 1e-8), rel=TEN_ROUNDINGS)
    assert part == pytest.approx(published, abs=5e-5)  # half of its last digit


def test_the_first_step_is_the_learning_rate_times_g_over_g_plus_epsilon() -> None:
    """Over 14 decades; below 1e-17 the square of g, times 1 - beta2, leaves the normal float32 numbers."""
    size = np.logspace(-17, -3, 500)
    gradient = (size * np.where(np.arange(500) % 2, 1.0, -1.0))[np.newaxis]
    moved = first_step(np.zeros((1, 500), np.float32), gradient)
    np.testing.assert_allclose(moved[0], -1e-3 * gradient[0] / (size + 1e-8), rtol=TEN_ROUNDINGS)


def dead_token_gradient() -> np.ndarray:
    """Nearly one gradient for all rows, as dead tokens have, far above epsilon."""
    rng = np.random.default_rng(5)
    return rng.standard_normal(DIMENSIONS) * 1e-3 * (1 + 0.05 * rng.standard_normal((ROWS, DIMENSIONS)))


def test_every_row_first_moves_by_the_root_of_its_dimensions_times_the_learning_rate() -> None:
    distance = np.linalg.norm(first_step(initial_weights(ROWS, DIMENSIONS), dead_token_gradient()), axis=1)
    # sqrt(64) * .001. Epsilon takes away 1e-8 / |g|: .5 % from one coordinate in 400 (|g| < 2e-6), so .1 % in all.
    np.testing.assert_allclose(distance, 0.008, rtol=1e-3)


@pytest.mark.parametrize("state", ["float32", "bfloat16"])
def test_on_the_lattice_the_first_step_is_shorter_and_16_cells_long(state: str) -> None:
    """|dW| = .00789 +- 2e-5 on average over rows: rounding makes coordinates in large cells stop short.

    The mean of 3,699 rows has a standard error of 3e-7; most of 2e-5 is the last digit of the published number.
    """
    weights, published = round_to_bfloat16(initial_weights(ROWS, DIMENSIONS)), pytest.approx(0.00789, abs=2e-5)
    moved = first_step(weights, dead_token_gradient(), weight_dtype="bfloat16", moment_dtype=state)
    assert np.linalg.norm(moved, axis=1).mean() == published
    # Negative control: the same rows in float32.
    assert np.linalg.norm(first_step(weights, dead_token_gradient()), axis=1).mean() != published
    cells = np.abs(keys((weights + moved).astype(np.float32)) - keys(weights))
    assert np.median(cells) == 16
