"""T(S), the temperature of a chosen entropy, where S(T) is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from gasfield.errors import InputError
from gasfield.sampling.injection import FieldEntropy, SpectrumEntropy
from gasfield.statistics.canonical import canonical, energies_of


@pytest.mark.parametrize("temperature", [0.07, 1.0, 30.0])
def test_two_states(temperature: float) -> None:
    """One state at 0 and g = 3 at 1: S = log(1 + g e^(-1/T)) + (g e^(-1/T)/T)/(1 + g e^(-1/T))."""
    weight = 3.0 * np.exp(-1.0 / temperature)
    entropy = np.log1p(weight) + weight / temperature / (1.0 + weight)
    found = SpectrumEntropy([0.0, 1.0, 1.0, 1.0]).temperature(float(entropy))
    assert found == pytest.approx(temperature, rel=1e-9)


def test_a_prompts_own_law_is_at_temperature_one() -> None:
    """E = -log p: the entropy of p is that at T = 1, whatever p is."""
    energies = energies_of(np.random.default_rng(0).standard_normal(1000) * 3.0)
    own = float(canonical(energies, 1.0).entropy[0])
    assert SpectrumEntropy(energies).temperature(own) == pytest.approx(1.0, rel=1e-9)


def test_entropies_that_no_temperature_has_are_refused_with_the_limits() -> None:
    law = SpectrumEntropy([1.0, 1.0, 2.0, np.inf])
    for entropy in (0.5, np.log(2), np.log(3), 2.0):
        with pytest.raises(InputError, match=r"0\.6931 < S < 1\.099"):
            law.temperature(float(entropy))
    with pytest.raises(InputError, match="does not depend on T"):
        SpectrumEntropy([2.0, 2.0])
    with pytest.raises(InputError, match="numbers"):
        SpectrumEntropy([np.nan, 1.0])


def test_harmonic_well_by_quadrature() -> None:
    """In a well in two dimensions far from walls h = log(2 pi e T/k): S - S_0 = log(T/T_0)."""

    def energy(places: np.ndarray) -> np.ndarray:
        return np.asarray(0.5 * 4.0 * (places**2).sum(axis=1))

    law = FieldEntropy(energy, np.full(2, -50.0), np.full(2, 50.0), known_at=2.0, known=5.0)
    assert law.temperature(3.0) == pytest.approx(2.0 * np.exp(-2.0), rel=1e-6)
    assert law.largest == pytest.approx(5.0 + np.log(100.0**2) - np.log(2 * np.pi * np.e * 2.0 / 4.0), rel=1e-8)
    for entropy in (-0.1, law.largest + 0.1):
        with pytest.raises(InputError, match="outside of what this landscape can have"):
            law.temperature(entropy)
