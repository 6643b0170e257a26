"""Free energies by MBAR: against closed forms, and without the package."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from gasfield.errors import InputError
from gasfield.statistics.mbar import Mbar

STIFFNESSES = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
EXACT = 0.5 * np.log(STIFFNESSES / STIFFNESSES[0])


def test_without_pymbar_one_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymbar", None)
    with pytest.raises(InputError, match=r"pip install 'gasfield\[mbar\]'"):
        Mbar.of([[0.0, 1.0, 2.0, 3.0], [1.0, 1.0, 2.0, 2.0]], [2, 2])


@pytest.mark.parametrize(
    ("reduced", "counts", "says"),
    [
        ([[0.0, 1.0]], [3], "K x N"),
        ([[0.0, np.nan], [0.0, 1.0]], [2, 0], "NaN"),
        ([[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]], [2, 1], "fewer than 2"),
    ],
)
def test_what_has_no_free_energies_is_refused(reduced: list[list[float]], counts: list[int], says: str) -> None:
    with pytest.raises(InputError, match=says):
        Mbar.of(reduced, counts)


def wells(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of as many samples of each harmonic state, and their reduced energies in all states."""
    draw = np.random.default_rng(3)
    places = np.concatenate([draw.normal(size=count) / np.sqrt(k) for k in STIFFNESSES])
    return places, 0.5 * STIFFNESSES[:, None] * places**2


@pytest.mark.validate
def test_harmonic_states_have_their_closed_form_and_an_energy_wrong_by_a_twentieth_is_seen() -> None:
    count = 10_000
    places, reduced = wells(count)
    found = Mbar.of(reduced, [count] * len(reduced))
    off = (found.free_energies - EXACT)[1:] / found.errors[0, 1:]
    assert np.abs(off).max() < 4.0
    np.testing.assert_allclose(found.overlap.sum(axis=1), 1.0, atol=1e-6)
    other = 0.5 * 3.0 * places**2  # a state that was not sampled
    square = found.mean(places**2, other)
    assert abs(square.value - 1.0 / 3.0) < 4.0 * square.error
    wrong = reduced.copy()
    wrong[2] *= 1.05
    bad = Mbar.of(wrong, [count] * len(reduced))
    assert abs(bad.free_energies[2] - EXACT[2]) > 4.0 * bad.errors[0, 2]


@pytest.mark.validate
def test_a_ladder_of_temperatures_has_its_closed_form() -> None:
    """In two dimensions E/T of a harmonic well is exponential, whatever T is: f_k - f_0 = -log(T_k/T_0)."""
    temperatures = np.array([0.5, 1.0, 2.0])
    energies = np.random.default_rng(4).exponential(size=(3, 5000)) * temperatures[:, None]
    found = Mbar.of_temperatures(list(energies), temperatures)
    off = (found.free_energies + np.log(temperatures / 0.5))[1:] / found.errors[0, 1:]
    assert np.abs(off).max() < 4.0
