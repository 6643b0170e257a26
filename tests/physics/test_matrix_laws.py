"""Laws that need a whole matrix, beside PyTorch and beside their exact consequences; refused where rows are given."""

from __future__ import annotations

import numpy as np
import pytest
from gradients import initial_weights, training_gradients
from laws_of_pytorch import of_pytorch
from prescribed import Prescribed, under

from gasfield.dynamics import Adafactor, AdamW, CoupledAdam, Muon
from gasfield.errors import InputError
from gasfield.gas import Gas

pytestmark = pytest.mark.usefixtures("one_numba_thread")

ROWS, DIMENSIONS, STEPS = 40, 24, 100
UNIT = 2.0**-24
"""Unit roundoff of float32."""


def balanced(steps: int) -> list[np.ndarray]:
    """Gradients whose rows sum to zero, as those of an output matrix, with rows of very different size."""
    rng = np.random.default_rng(2)
    size = 10.0 ** rng.uniform(-4, -2, (ROWS, 1))
    found = []
    for gradient in training_gradients(steps, ROWS, DIMENSIONS):
        wide = size * np.sign(gradient.astype(float)) + 1e-3
        found.append(wide - wide.mean(axis=0))
    return found


# --- coupled Adam -----------------------------------------------------------------------------------------------------


def test_coupled_second_moments_keep_the_centroid_and_adams_own_do_not() -> None:
    """Updates of one size for each column sum to zero if the gradients do. Tolerance: each step rounds each weight, to
    at most UNIT of |W| < 0.25, and each first moment, to UNIT of it; a mean is moved by no more."""
    gradients, drift = balanced(STEPS), {}
    for law in (CoupledAdam(learning_rate=1e-3), AdamW(learning_rate=1e-3)):
        weights = initial_weights(ROWS, DIMENSIONS)
        moments, start = law.start(weights), weights.mean(axis=0, dtype=float)
        for step, gradient in enumerate(gradients, start=1):
            law.update(weights, gradient, moments, step)
        drift[law.kind] = float(np.abs(weights.mean(axis=0, dtype=float) - start).max())
    assert drift["coupled_adam"] < STEPS * (0.25 * UNIT + STEPS * 1e-3 * UNIT)
    assert drift["adamw"] > 1e-3


def test_coupled_adam_of_one_row_is_adamw() -> None:
    """The mean over one row is the row: AdamW in float32. There v is multiplied by a rounded beta2 at every step, so
    that it is off by 2^-25 a step at most, and the update by half of that, besides a few roundings."""
    laws = CoupledAdam(learning_rate=1e-3, weight_decay=0.1), AdamW(learning_rate=1e-3, weight_decay=0.1)
    found = []
    for law in laws:
        weights = initial_weights(1, 500)
        moments = law.start(weights)
        for step, gradient in enumerate(training_gradients(STEPS, 3, 500), start=1):
            law.update(weights, gradient[2:].copy(), moments, step)
        found.append(weights.astype(float) - initial_weights(1, 500))
    assert np.linalg.norm(found[0] - found[1]) < (STEPS * 2.0**-26 + 8 * UNIT) * np.linalg.norm(found[1])


def test_coupled_adam_is_its_definition_in_float64() -> None:
    """Moments from zero, written out: m and v are weighted sums of all gradients so far. Each stored tensor is rounded
    once a step, m and v to UNIT of their size, W to UNIT of |W| < 0.25."""
    law = CoupledAdam(learning_rate=1e-3, betas=(0.8, 0.95), epsilon=1e-6, weight_decay=0.5)
    weights = initial_weights(ROWS, DIMENSIONS)
    expected, moments = weights.astype(float), law.start(weights)
    gradients = [gradient.astype(np.float32).astype(float) for gradient in balanced(30)]
    for step in range(1, 31):
        ages = np.arange(step)[::-1]
        m = sum(0.2 * 0.8**age * g for age, g in zip(ages, gradients, strict=False))
        v = sum(0.05 * 0.95**age * g**2 for age, g in zip(ages, gradients, strict=False)).mean(axis=0)
        update = 1e-3 * (m / (1 - 0.8**step)) / (np.sqrt(v / (1 - 0.95**step)) + 1e-6)
        expected = (1 - 1e-3 * 0.5) * expected - update
        law.update(weights, gradients[step - 1], moments, step)
        assert np.abs(weights - expected).max() < step * (0.25 * UNIT + 20 * UNIT * np.abs(update).max())


# --- Adafactor --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"weight_decay": 0.1, "maximize": True}, {"eps": (1e-4, 1e-2), "d": 2.0}], ids=str
)
def test_adafactor_is_pytorchs_within_the_rounding_of_its_sums(torch, options: dict) -> None:
    """One step at a time from the reference's weights and state. Every sum of squares, mean and norm of a step is taken
    in float32 in lanes of 8 or more, off by a few units; ten operations follow. We allow 16 units of the update and one
    of W (measured: 4.3); a gain that differs by a ten-thousandth is seen."""
    own = {"d": "clipping", "weight_decay": "weight_decay", "maximize": "maximize"}
    constants = {own[key]: value for key, value in options.items() if key in own}
    if "eps" in options:
        constants |= dict(zip(("epsilon1", "epsilon2"), options["eps"], strict=True))
    weights = initial_weights(ROWS, DIMENSIONS)
    reference = of_pytorch(
        torch,
        torch.optim.Adafactor,
        "float32",
        {"row_variance": "row_var", "column_variance": "col_var"},
        weights=weights,
        lr=1e-2,
        **options,
    )
    law, other = Adafactor(**constants), Adafactor(**constants, beta2_decay=-0.8001)
    moments, wrong = law.start(weights), other.start(weights)
    seen = 0.0
    for step, gradient in enumerate(training_gradients(STEPS, ROWS, DIMENSIONS), start=1):
        expected = reference(gradient)
        before, spoilt = weights.astype(float), weights.copy()
        law.update(weights, gradient, moments, step)
        other.update(spoilt, gradient, wrong, step)
        moved = np.abs(expected["weights"] - before)
        allowed = 16 * UNIT * moved + np.spacing(np.abs(weights) + np.abs(before).astype(np.float32))
        assert np.all(np.abs(weights - expected["weights"].astype(float)) <= allowed), step
        seen = max(seen, float((np.abs(spoilt - expected["weights"].astype(float)) / allowed).max()))
        for name, values in moments.items():
            np.testing.assert_allclose(values, expected[name], rtol=16 * UNIT, atol=1e-36)
            values[...] = expected[name]
        weights[...] = expected["weights"]
    assert seen > 1


# --- Muon -------------------------------------------------------------------------------------------------------------


def polynomial(singular: np.ndarray, law: Muon) -> np.ndarray:
    a, b, c = law.coefficients
    for _ in range(law.iterations):
        singular = a * singular + b * singular**3 + c * singular**5
    return singular


@pytest.mark.parametrize("shape", [(40, 24), (24, 40)], ids=str)
def test_muon_applies_its_polynomial_to_the_singular_values(shape: tuple[int, int]) -> None:
    """In float32 iterations: a step is U p(S) V^T. Rounding of 15 products by UNIT, each amplified by at most the slope
    3.4445 of the iterations that follow: below UNIT 3 (1 + 3.4 + ... + 3.4^4) sqrt(rank) = 600 UNIT sqrt(rank)."""
    law = Muon(learning_rate=0.1, weight_decay=0.0, momentum=0.0, nesterov=False, iteration_dtype="float32")
    gradient = np.random.default_rng(4).normal(size=shape).astype(np.float32)
    weights = np.zeros(shape, np.float32)
    law.update(weights, gradient, law.start(weights), 1)
    left, singular, right = np.linalg.svd(gradient.astype(float), full_matrices=False)
    expected = (left * polynomial(singular / np.linalg.norm(singular), law)) @ right
    scale = 0.1 * max(1.0, shape[0] / shape[1]) ** 0.5
    assert np.linalg.norm(weights / -scale - expected) < 600 * UNIT * np.sqrt(24)
    values = np.linalg.svd(weights / scale, compute_uv=False)
    assert 0.5 < values.min() < values.max() < 1.3


@pytest.mark.parametrize(
    ("shape", "options"), [((40, 24), {}), ((24, 40), {"nesterov": False, "adjust_lr_fn": "match_rms_adamw"})], ids=str
)
def test_muon_is_pytorchs_within_roundings_to_bfloat16(torch, shape: tuple[int, int], options: dict) -> None:
    """One step at a time. Both round the same products to bfloat16, of sums that differ in the last bits of float32: a
    rounding falls apart by 2^-8 of an entry with a probability of the order of 2^-14, and is then carried on."""
    weights = initial_weights(*shape)
    reference = of_pytorch(
        torch, torch.optim.Muon, "float32", {"momentum": "momentum_buffer"}, weights=weights, lr=0.02, **options
    )
    law = Muon(
        learning_rate=0.02, nesterov=options.get("nesterov", True), step_size=options.get("adjust_lr_fn", "original")
    )
    other = law.model_copy(update={"iterations": 4})
    moments = law.start(weights)
    for step, gradient in enumerate(training_gradients(30, *shape), start=1):
        expected = reference(gradient)["weights"].astype(float)
        spoilt, before = weights.copy(), weights.astype(float)
        other.update(spoilt, gradient, {"momentum": moments["momentum"].copy()}, step)
        law.update(weights, gradient, moments, step)
        size = np.linalg.norm(expected - before)
        assert np.linalg.norm(weights - expected) < 0.01 * size
        assert np.linalg.norm(spoilt - expected) > 0.1 * size
        weights[...] = expected


# --- bad input --------------------------------------------------------------------------------------------------------


def gas_of(token_ids: np.ndarray) -> Gas:
    return Gas(initial_weights(len(token_ids), 4), token_ids=token_ids)


NOTHING = under(Prescribed(lambda x, step: np.zeros(x.shape)), 4)


@pytest.mark.parametrize(
    ("law", "says"),
    [
        (Muon(learning_rate=0.1), "muon multiplies a matrix by itself"),
        (Adafactor(), "adafactor keeps means of squared gradients"),
        (CoupledAdam(learning_rate=1e-3), "coupled_adam averages the second moment over all rows"),
        (AdamW(learning_rate=1e-3, centred=True), "adamw subtracts the mean of all rows"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_law_of_the_whole_matrix_refuses_some_of_its_rows(law, says: str) -> None:
    with pytest.raises(InputError, match=says) as refused:
        law.build(gas_of(np.array([0, 1, 7])), NOTHING)
    assert "the gas has 3 rows, and there are at least 8 tokens" in str(refused.value)
    with pytest.raises(InputError, match="1 of the 3 particles are no tokens, or given twice"):
        law.build(gas_of(np.array([0, 1, 1])), NOTHING)
    later = gas_of(np.array([0, 1, 2]))
    later.appears[2] = 10
    with pytest.raises(InputError, match="particles that appear later are not rows of it"):
        law.build(later, NOTHING)
    whole = gas_of(np.array([2, 0, 1]))
    motion = law.build(whole, NOTHING)
    with pytest.raises(InputError, match="particles planted during a run are not rows of it"):
        motion.add_particles(whole, 1)
    law.build(gas_of(np.full(3, -1)), NOTHING)


def test_rows_of_a_law_that_moves_each_by_itself_are_not_refused() -> None:
    AdamW(learning_rate=1e-3).build(gas_of(np.array([0, 1, 7])), NOTHING)
