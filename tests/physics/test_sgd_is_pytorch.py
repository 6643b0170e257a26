"""The law of motion of SGD is PyTorch's, to the last bit."""

from __future__ import annotations

import naive
import numba
import numpy as np
import pytest
from gradients import initial_weights, training_gradients
from optimiser_steps import sgd_step
from prescribed import Prescribed, under

from gasfield.dynamics import elementwise_loops
from gasfield.dynamics.sgd import SGD
from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.kernels.bfloat16 import is_on_lattice, round_to_bfloat16

# A multiple of PyTorch's longest vector step: no element falls into the scalar remainder, which rounds otherwise.
STEPS, ROWS, DIMENSIONS = 500, 48, 64

pytestmark = pytest.mark.usefixtures("one_numba_thread")

LAWS = [
    {},
    {"weight_decay": 0.013},
    {"momentum": 0.9},
    {"momentum": 0.9, "dampening": 0.1, "weight_decay": 0.013},
    {"momentum": 0.9, "nesterov": True, "weight_decay": 0.013},
]


def words(array: np.ndarray) -> np.ndarray:
    return array.view(np.uint32)


def first_disagreement(torch, precision: str, constants: dict, reference_constants: dict, steps: int) -> int | None:
    """First step at which any bit of W or of the momentum differs from a reference, which then has other constants."""
    law = SGD(**{"learning_rate": 0.1, **constants}, weight_dtype=precision, moment_dtype=precision)
    weights = initial_weights(ROWS, DIMENSIONS)
    if precision == "bfloat16":
        weights = round_to_bfloat16(weights)
    momentum = np.zeros_like(weights)
    parameter = torch.nn.Parameter(torch.from_numpy(weights.copy()).to(getattr(torch, precision)))
    optimiser = torch.optim.SGD([parameter], **{"lr": 0.1, **reference_constants}, foreach=False, fused=False)
    for step, gradient in enumerate(training_gradients(steps, ROWS, DIMENSIONS), start=1):
        parameter.grad = torch.from_numpy(gradient).to(parameter.dtype)
        optimiser.step()
        sgd_step(weights, gradient, momentum, step, law)
        pairs = [(weights, parameter.detach())]
        if law.momentum:
            pairs.append((momentum, optimiser.state[parameter]["momentum_buffer"]))
        if any(np.any(words(ours) != words(theirs.float().numpy())) for ours, theirs in pairs):
            return step
    return None


@pytest.mark.parametrize("constants", LAWS, ids=str)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_bits_are_equal_over_500_steps(torch, precision: str, constants: dict) -> None:
    assert first_disagreement(torch, precision, constants, constants, STEPS) is None


@pytest.mark.parametrize(
    ("precision", "constants"),
    [
        ("float32", {"momentum": 0.9001}),
        ("bfloat16", {"momentum": 0.91}),
        ("bfloat16", {"momentum": 0.9, "dampening": 0.01}),
        ("bfloat16", {"momentum": 0.9, "learning_rate": 0.101}),
    ],
    ids=str,
)
def test_a_wrong_constant_is_seen(torch, precision: str, constants: dict) -> None:
    assert first_disagreement(torch, precision, constants, {"momentum": 0.9}, 50) is not None


def test_rounding_only_what_is_stored_is_another_law(torch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SGD, "rounds_each_operation", property(lambda law: False))
    assert first_disagreement(torch, "bfloat16", {"momentum": 0.9}, {"momentum": 0.9}, 50) is not None


@pytest.mark.parametrize("constants", [constants for constants in LAWS if "nesterov" not in constants], ids=str)
@pytest.mark.parametrize("kept", [(False, False), (False, True), (True, False), (True, True)], ids=str)
def test_every_mix_of_precisions_is_float32_arithmetic_rounded_where_it_is_stored(
    kept: tuple[bool, bool], constants: dict
) -> None:
    parameters, state = ("bfloat16" if each else "float32" for each in kept)
    constants = {"learning_rate": 0.1, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, **constants}
    law = SGD(**constants, weight_dtype=parameters, moment_dtype=state)
    weights = initial_weights(6, 8)
    if kept[0]:
        weights = round_to_bfloat16(weights)
    momentum = np.zeros_like(weights)
    for step, gradient in enumerate(training_gradients(6, 6, 8), start=1):
        elements = zip(weights.flat, gradient.flat, momentum.flat, strict=True)
        expected = [naive.sgd_element(*map(float, each), step=step, kept=kept, **constants) for each in elements]
        sgd_step(weights, gradient, momentum, step, law)
        for ours, theirs in zip((weights, momentum), np.transpose(expected), strict=True):
            np.testing.assert_array_equal(ours.ravel().astype(float), theirs)
    assert is_on_lattice(weights).all() == kept[0]


def spring(positions: np.ndarray, step: int) -> np.ndarray:
    """A force that depends on place and time."""
    return -np.asarray(positions, np.float64) * (1 + 0.1 * np.cos(step))


SPRING = under(Prescribed(spring), 16)


def gas_of(weights: np.ndarray) -> Gas:
    rows = len(weights)
    return Gas(weights, np.zeros(rows, np.int64), ["dead"], np.arange(rows), [""] * rows)


def test_a_restored_law_goes_on_bit_by_bit() -> None:
    law = SGD(learning_rate=0.1, momentum=0.9, weight_dtype="bfloat16", moment_dtype="bfloat16")
    gas = gas_of(initial_weights(20, 16).astype(np.float64))
    motion = law.build(gas, SPRING)
    motion.project(gas)
    for _ in range(7):
        motion.advance(gas)
    saved, resumed = motion.state(), gas_of(gas.positions.copy())
    resumed.step = gas.step
    for _ in range(7):
        motion.advance(gas)
    assert (gas.step, gas.time, saved["step_count"]) == (14, 14.0, 7)
    again = law.build(resumed, SPRING)
    again.restore(saved)
    for _ in range(7):
        again.advance(resumed)
    np.testing.assert_array_equal(words(resumed.positions), words(gas.positions))


def test_one_thread_and_two_give_the_same_bits() -> None:
    law = SGD(learning_rate=0.1, momentum=0.9, weight_decay=0.01, weight_dtype="bfloat16")
    results = []
    for threads in (1, 2):
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        weights = round_to_bfloat16(initial_weights(101, 33))
        momentum = np.zeros_like(weights)
        for step, gradient in enumerate(training_gradients(10, 101, 33), start=1):
            sgd_step(weights, gradient, momentum, step, law)
        results.append(np.stack([weights, momentum]))
    np.testing.assert_array_equal(words(results[0]), words(results[1]))


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
def test_values_never_compile_a_new_kernel() -> None:
    weights = initial_weights(2, 2)
    for constants in LAWS:
        sgd_step(weights, np.ones((2, 2)), np.zeros_like(weights), 2, SGD(learning_rate=1, **constants))
    of_this_law = [types for types in elementwise_loops.advance_plainly.signatures if "sgd" in str(types[0])]
    assert len(of_this_law) <= 3, "nothing is rounded, each store is, or each operation"


@pytest.mark.parametrize(
    "fault",
    [{"learning_rate": 0}, {"momentum": -0.1}, {"dampening": 1.1}, {"nesterov": True}, {"betas": (0.9, 0.999)}],
    ids=str,
)
def test_faulty_constants_are_refused(fault: dict) -> None:
    with pytest.raises(InputError) as refused:
        SGD(**{"learning_rate": 0.1, **fault})
    assert str(refused.value.parameter).startswith(next(iter(fault)))
