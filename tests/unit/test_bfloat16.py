"""bfloat16 as a lattice inside float32: rounding, bits, keys, against an exact oracle and against PyTorch."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from numba import config, jit

from gasfield.kernels import bfloat16
from gasfield.kernels.flags import EXACT

EVERY_PATTERN = np.arange(65_536).astype(np.uint16)


@jit(**EXACT)
def round_each(values, result):
    for i in range(values.shape[0]):
        result[i] = bfloat16.nearest_bfloat16(values[i])


@jit(**EXACT)
def fuse_each(a, b, c, result):
    for i in range(a.shape[0]):
        result[i] = bfloat16.fused_multiply_add(a[i], b[i], c[i])


def words(values: np.ndarray) -> np.ndarray:
    return values.view(np.uint32)


def random_float32(count: int, seed: int = 0) -> np.ndarray:
    """Random bit patterns: every binade alike, with subnormals, infinities and NaN."""
    patterns = np.random.default_rng(seed).integers(0, 2**32, count, dtype=np.uint32)
    ties = (patterns & np.uint32(0xFFFF0000)) | np.uint32(0x8000)
    edges = np.array(
        [0, 0x80000000, 1, 0x7F7F7FFF, 0x7F7F8000, 0x7F800000, 0xFF800000, 0x7F800001, 0x7FFFFFFF, 0xFFFFFFFF],
        np.uint32,
    )
    return np.concatenate([patterns, ties[: count // 8], ties[: count // 8] + np.uint32(1), edges]).view(np.float32)


def assert_same_but_for_nan(actual: np.ndarray, expected: np.ndarray) -> None:
    """Equal bits; of a NaN only that it is one (its payload is nobody's promise)."""
    np.testing.assert_array_equal(np.isnan(actual), np.isnan(expected))
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(words(actual)[numbers], words(expected)[numbers])


# --- rounding --------------------------------------------------------------------------------------------------------


def test_rounding_is_to_the_nearest_lattice_value_with_ties_to_even() -> None:
    values = random_float32(3_000)
    values = values[np.abs(values) < 3.38e38]
    expected = np.array([float(naive.bfloat16(float(value))) for value in values])
    np.testing.assert_array_equal(bfloat16.round_to_bfloat16(values).astype(float), expected)


def test_rounding_millions_of_float32_is_what_pytorch_does() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the reference")
    values = random_float32(4_000_000)
    assert_same_but_for_nan(bfloat16.round_to_bfloat16(values), torch.from_numpy(values).bfloat16().float().numpy())


def test_the_kernel_rounds_as_the_array_function_does() -> None:
    values = random_float32(500_000, seed=1)
    if config.DISABLE_JIT:
        values = values[-5_000:]
    result = np.empty_like(values)
    round_each(values, result)
    np.testing.assert_array_equal(words(result), words(bfloat16.round_to_bfloat16(values)))


def test_lattice_values_round_to_themselves() -> None:
    values = bfloat16.from_bits(EVERY_PATTERN)
    assert_same_but_for_nan(bfloat16.round_to_bfloat16(values), values)


def test_rounding_keeps_shapes_and_leaves_its_argument_alone() -> None:
    for shape in ((), (0,), (3, 2), (2, 3, 4)):
        values = np.full(shape, 0.1, np.float32)
        rounded = bfloat16.round_to_bfloat16(values)
        assert rounded.shape == shape
        assert rounded.dtype == np.float32
        assert np.all(values == np.float32(0.1))
    strided = np.linspace(0, 1, 20, dtype=np.float32).reshape(4, 5)[::2, ::2]
    np.testing.assert_array_equal(bfloat16.round_to_bfloat16(strided), bfloat16.round_to_bfloat16(strided.copy()))


# --- bits and keys ---------------------------------------------------------------------------------------------------


def test_bits_and_from_bits_are_inverse_on_every_pattern() -> None:
    np.testing.assert_array_equal(bfloat16.bits(bfloat16.from_bits(EVERY_PATTERN)), EVERY_PATTERN)


def test_every_pattern_has_the_value_that_pytorch_gives_it() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the reference")
    expected = torch.from_numpy(EVERY_PATTERN.view(np.int16)).view(torch.bfloat16).float().numpy()
    np.testing.assert_array_equal(words(bfloat16.from_bits(EVERY_PATTERN)), words(expected))


def test_keys_count_lattice_values_from_zero() -> None:
    lattice = naive.bfloat16_lattice()
    values = lattice.astype(np.float32)
    np.testing.assert_array_equal(bfloat16.keys(values), np.arange(len(lattice)) - len(lattice) // 2)
    for value in (0.0, 1.0, -1.0, 2.0**-133, -3.0e38, 0.0078125):
        on_lattice = bfloat16.round_to_bfloat16(value)
        assert bfloat16.keys(on_lattice) == naive.key(float(on_lattice), lattice)


def test_keys_of_every_pattern_are_in_the_order_of_values() -> None:
    values = bfloat16.from_bits(EVERY_PATTERN)
    numbers = ~np.isnan(values)
    in_order = np.argsort(values[numbers], kind="stable")
    steps = np.diff(bfloat16.keys(values[numbers])[in_order])
    # One step of 0, between the two zeros; all others are one cell, up to both infinities.
    assert np.count_nonzero(steps == 0) == 1
    assert set(steps) == {0, 1}


def test_the_two_zeros_share_a_key_but_not_bits() -> None:
    zeros = np.array([0.0, -0.0], np.float32)
    assert list(bfloat16.keys(zeros)) == [0, 0]
    assert list(bfloat16.bits(zeros)) == [0, 0x8000]


def test_cells_across_a_power_of_two_and_zero_count_as_one() -> None:
    start = np.array([1.0, 1.0, -(2.0**-133), 0.5], np.float32)
    end = np.array([1.0078125, 0.99609375, 2.0**-133, 0.5], np.float32)
    # Across 1.0 a cell is twice as wide above as below.
    assert list(bfloat16.keys(end) - bfloat16.keys(start)) == [1, -1, 2, 0]


def test_what_is_not_on_the_lattice_is_refused() -> None:
    values = np.array([1.0, 0.1, np.inf], np.float32)
    assert list(bfloat16.is_on_lattice(values)) == [True, False, True]
    with pytest.raises(ValueError, match="not every value is a bfloat16"):
        bfloat16.bits(values)
    with pytest.raises(TypeError, match="float64"):
        bfloat16.keys(np.array([1.0]))
    with pytest.raises(TypeError, match="uint16"):
        bfloat16.from_bits(np.array([1]))


# --- fused multiply-add ----------------------------------------------------------------------------------------------


def close_to_cancelling(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(a, b, c) where a separate rounding of the product would show: c is near -a*b, or of any other size."""
    rng = np.random.default_rng(2)
    a, b = (rng.standard_normal((2, count)) * 10.0 ** rng.uniform(-18, 3, (2, count))).astype(np.float32)
    c = (-a * b * np.float32(10) ** rng.integers(0, 2, count).astype(np.float32)).astype(np.float32)
    return a, b, c


def test_fused_multiply_add_rounds_once() -> None:
    a, b, c = close_to_cancelling(2_000)
    expected = np.array([naive.fused_multiply_add(*map(float, each)) for each in zip(a, b, c, strict=True)])
    result = np.empty_like(a)
    fuse_each(a, b, c, result)
    np.testing.assert_array_equal(result.astype(float), expected)
    assert np.count_nonzero((a * b + c).astype(float) != expected) > 100, "two roundings must be told from one"


def test_the_numpy_twins_do_as_the_intrinsics_do() -> None:
    a, b, c = close_to_cancelling(20_000)
    result = np.empty_like(a)
    fuse_each(a, b, c, result)
    twin = np.array([bfloat16._fused_multiply_add_numpy(*each) for each in zip(a, b, c, strict=True)])
    np.testing.assert_array_equal(words(twin), words(result))
    assert bfloat16._word_of_numpy(np.float32(-1.5)) == 0xBFC00000
    assert bfloat16._float_of_numpy(np.uint32(0xBFC00000)) == -1.5
    assert bfloat16._fused_multiply_add_numpy(np.float32(3e38), np.float32(3e38), np.float32(0)) == np.inf
