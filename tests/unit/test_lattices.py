"""float16 and the 8-bit formats as lattices inside float32: PyTorch's casts, keys, and unbiased stochastic rounding."""

from __future__ import annotations

import numpy as np
import pytest
from numba import jit

from gasfield.kernels.flags import EXACT
from gasfield.kernels.lattices import (
    FORMATS,
    PRECISIONS,
    fraction_bits,
    is_on,
    lattice_keys,
    lattice_numbers,
    round_to,
    spacing,
    stochastic,
)

LOW = PRECISIONS[1:]


@jit(**EXACT)
def round_with(value, draws, form, result):
    for i in range(draws.shape[0]):
        result[i] = stochastic(value, form, draws[i])


def rounded_with(value: float, draws: np.ndarray, precision: str) -> np.ndarray:
    result = np.empty(len(draws), np.float32)
    round_with(np.float32(value), draws.astype(np.uint32), FORMATS[precision], result)
    return result


def finite_values(torch, precision: str) -> np.ndarray:
    """All finite values of a format as PyTorch has them, ascending, both zeros included."""
    kind = getattr(torch, precision)
    words = np.arange(2 ** (8 * kind.itemsize)).astype(f"u{kind.itemsize}")
    signed = torch.from_numpy(words.view(f"i{kind.itemsize}"))
    values = signed.view(kind).float().numpy()
    return np.sort(values[np.isfinite(values)])


@pytest.mark.parametrize("precision", LOW)
def test_keys_count_the_values_that_pytorch_has(torch, precision: str) -> None:
    values = finite_values(torch, precision)
    assert is_on(values, precision).all()
    keys = lattice_keys(values, precision)
    once = values[np.append(True, np.diff(values) > 0)]
    np.testing.assert_array_equal(np.unique(keys), np.arange(len(once)) - len(once) // 2)
    assert np.all(np.diff(keys) >= 0)
    np.testing.assert_array_equal(lattice_numbers(keys, precision), values)
    np.testing.assert_array_equal(
        spacing(once[len(once) // 2 + 1 : -1], precision), np.diff(once[len(once) // 2 + 1 :])
    )


@pytest.mark.parametrize("precision", LOW)
def test_rounding_is_the_cast_of_pytorch(torch, precision: str) -> None:
    """Of random float32 numbers over all exponents of the format and beyond, of all ties, and of what overflows."""
    values = finite_values(torch, precision).astype(np.float64)
    rng = np.random.default_rng(0)
    least, most = np.log2(np.diff(values)[np.diff(values) > 0].min()) - 3, np.log2(values.max()) + 3
    random = np.ldexp(rng.uniform(1, 2, 200_000), rng.integers(int(max(least, -148)), int(min(most, 127)), 200_000))
    with np.errstate(over="ignore"):
        tried = np.concatenate(
            [random, -random, values, (values[1:] + values[:-1]) / 2, [0.0, -0.0, np.inf, -np.inf, np.nan]]
        ).astype(np.float32)
    tried = np.concatenate([tried, np.nextafter(tried, np.float32(np.inf)), np.nextafter(tried, np.float32(-np.inf))])
    expected = torch.from_numpy(tried).to(getattr(torch, precision)).float().numpy()
    found = round_to(tried, precision)
    np.testing.assert_array_equal(found, expected)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found[numbers]), np.signbit(expected[numbers]))
    assert is_on(found, precision).all()


@pytest.mark.parametrize("precision", LOW)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_stochastic_rounding_is_unbiased_exactly(precision: str, sign: float) -> None:
    """Over every value of the bits that decide, the mean of the roundings is the number: no statistics."""
    bits = 23 - fraction_bits(precision)
    draws = np.arange(2**bits, dtype=np.uint32) << np.uint32(32 - bits)
    for number in (1.2345678, 0.999999, 3.0):
        value = sign * float(np.float32(number))
        found = rounded_with(value, draws, precision).astype(np.float64)
        assert np.mean(found) == value, "sums of so few bits are exact"
        assert len(np.unique(found)) == (1 if number == 3.0 else 2)
        assert is_on(found.astype(np.float32), precision).all()


@pytest.mark.parametrize("precision", ["float16", "float8_e4m3fn", "float8_e5m2"])
def test_stochastic_rounding_is_unbiased_below_the_smallest_normal_number(precision: str) -> None:
    quantum = float(FORMATS[precision].quantum)
    draws = (np.arange(2**16, dtype=np.uint32) << np.uint32(16)) + np.uint32(1 << 15)
    for quanta in (0.3, 1.7, 2.5):
        value = float(np.float32(quanta * quantum))
        found = rounded_with(-value, draws, precision).astype(np.float64)
        assert abs(found.mean() + value) <= quantum * 2.0**-16
        assert set(np.unique(found / quantum)) == {-np.floor(quanta), -np.floor(quanta) - 1}


def test_stochastic_rounding_is_that_of_torchao() -> None:
    """Towards zero, and one cell on where 16 random bits are below the 16 that are dropped."""
    rng = np.random.default_rng(1)
    draws = rng.integers(0, 2**32, 20_000, dtype=np.uint32)
    for value in rng.normal(size=20).astype(np.float32):
        word = np.array(value).view(np.uint32)
        up = (draws >> np.uint32(16)) < (word & np.uint32(0xFFFF))
        expected = ((word & np.uint32(0xFFFF0000)) + (up.astype(np.uint32) << np.uint32(16))).view(np.float32)
        np.testing.assert_array_equal(rounded_with(value, draws, "bfloat16"), expected)


def test_what_is_no_number_or_beyond_the_range_stays_visible() -> None:
    draws = np.array([0, 2**32 - 1], np.uint32)
    for precision, beyond in (("float8_e4m3fn", 448.0), ("float8_e5m2", np.inf), ("float16", np.inf)):
        np.testing.assert_array_equal(rounded_with(1e6, draws, precision), [beyond, beyond])
        np.testing.assert_array_equal(rounded_with(np.nan, draws, precision), [np.nan, np.nan])
    np.testing.assert_array_equal(round_to([464.0, 480.0, -1e9, np.inf], "float8_e4m3fn"), [448, 448, -448, 448])
    np.testing.assert_array_equal(round_to([61439.0, 61440.0, -1e9], "float8_e5m2"), [57344.0, np.inf, -np.inf])


def test_what_is_not_on_the_lattice_is_refused() -> None:
    with pytest.raises(ValueError, match="not every value is a float8_e5m2"):
        lattice_keys(np.array([1.0, 1.1], np.float32), "float8_e5m2")
    with pytest.raises(TypeError, match="float64"):
        lattice_keys(np.array([1.0]), "float16")
