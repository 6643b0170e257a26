"""The contract of forces."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numba.core.dispatcher import Dispatcher
from numpy.typing import NDArray

from gasfield.forces import FORCES, Force, ForceSpec, Surroundings, TotalForce
from gasfield.gas import Gas
from gasfield.spaces import Space
from gasfield.testing.tools import (
    gas_of,
    moved,
    on_threads,
    places_in,
    require,
    require_close,
    require_refused,
)

Array = NDArray[np.float64]

TOLERANCE = 1e-6
"""Tolerated relative error of derivatives by finite differences."""
_H = 1e-4
"""Step of central differences. Their relative truncation error, h^2/6 times a ratio of derivatives two orders apart, is
(1e-4/0.2)^2/6 = 4e-8 for length scales of a fifth or more; their rounding error is 1e-16 U/h = 1e-12 U."""


@dataclass(frozen=True)
class ForceCase:
    """A force and a gas on which to check it.

    Attributes:
        law: the specification.
        space: where the particles live.
        gas: returns a new gas.
        find: resolves names of data files.
    """

    law: ForceSpec
    space: Space
    gas: Callable[[], Gas]
    find: Callable[[str], Path] = Path

    def build(self, law: ForceSpec | None = None) -> Force:
        """The built force; of another specification in the same surroundings if one is given."""
        return (law or self.law).build(Surroundings(self.space, self.find))


def check_force(
    law: ForceSpec | Mapping[str, Any],
    space: Space,
    gas: Gas | None = None,
    *,
    oracle: Callable[[Gas], Array] | None = None,
    find: Callable[[str], Path] = Path,
) -> None:
    """Runs the contract of forces.

    Args:
        law: the specification, or the mapping that a scenario would have.
        space: where the particles live.
        gas: particles on which to check it; 12 at random, most within a distance 1 of the origin, if left out.
        oracle: gas -> force (N, D), computed independently; the two must agree to 1e-11 of the largest force.
        find: resolves names of data files.

    Raises:
        AssertionError: if a check fails.
    """
    like = gas if gas is not None else gas_of(places_in(space, 12))
    case = ForceCase(FORCES.parse(law), space, lambda: copy.deepcopy(like), find)
    for check in FORCE_CONTRACT:
        check(case)
    if oracle is not None:
        require_close(
            force_on(case.build(), case.gas()), oracle(case.gas()), 1e-11, "the force differs from its oracle"
        )


def force_is_minus_the_gradient(case: ForceCase) -> None:
    """F = -grad U by central differences, one coordinate of one particle after the other."""
    force, gas = case.build(), case.gas()
    if not force.conservative:
        return
    slope = np.zeros(gas.positions.shape)
    with on_threads(1):
        for i, j in np.ndindex(slope.shape):
            ahead, behind = (_energy_behind(force, moved(gas, i, j, by), i) for by in (_H, -_H))
            slope[i, j] = (ahead - behind) / (2 * _H)
        require_close(force_on(force, gas), -slope, TOLERANCE, "the force is not minus the gradient of the energy")


def laplacian_is_minus_the_divergence(case: ForceCase) -> None:
    """The Laplacian of U is -div F by central differences."""
    force, gas = case.build(), case.gas()
    if not force.conservative:
        return
    divergence = np.zeros(gas.count)
    with on_threads(1):
        for i, j in np.ndindex(gas.positions.shape):
            ahead, behind = (force_on(force, moved(gas, i, j, by))[i, j] for by in (_H, -_H))
            divergence[i] += (ahead - behind) / (2 * _H)
        require_close(
            force.laplacian(gas), -divergence, TOLERANCE, "the Laplacian is not minus the divergence of the force"
        )


def no_energy_without_potential(case: ForceCase) -> None:
    """A force that is not a gradient raises for its energy."""
    force, gas = case.build(), case.gas()
    for force_or_sum in (force, TotalForce([force])):
        if not force.conservative:
            require_refused(ValueError, force_or_sum.energy, gas, "a force without potential has an energy")
            require_refused(ValueError, force_or_sum.laplacian, gas, "a force without potential has a Laplacian")


def force_does_not_depend_on_threads(case: ForceCase) -> None:
    """The same bits with one thread and with two."""
    force, gas = case.build(), case.gas()
    found = []
    for count in (1, 2):
        with on_threads(count):
            numbers = [force_on(force, gas), np.array(force.virial(gas))]
            found.append([*numbers, force.energy(gas), force.laplacian(gas)] if force.conservative else numbers)
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two, "bits depend on the number of threads")


def force_adds_and_keeps_positions(case: ForceCase) -> None:
    """`add` adds to the given array, and does not change the gas."""
    force, gas = case.build(), case.gas()
    total = force_on(force, gas)
    force.add(gas, total)
    require_close(total, 2.0 * force_on(force, gas), 1e-12, "add does not add")
    np.testing.assert_array_equal(gas.positions, case.gas().positions, "add changes positions")


def coincident_particles_are_finite_and_alike(case: ForceCase) -> None:
    """Coincident particles of one token have finite and equal forces, and finite energies."""
    force, gas = case.build(), case.gas()
    gas.charges[:] = 1.0
    scale = float(np.abs(force_on(force, gas)).max())
    gas.positions[:], gas.token_ids[:], gas.is_source[:] = gas.positions[0], gas.token_ids[0], True
    total = force_on(force, gas)
    require(np.isfinite(total).all(), "the force on coincident particles is not finite")
    alike = np.abs(total - total[0]).max() <= 1e-14 * scale
    require(alike, "coincident particles have different forces")
    if force.conservative:
        finite = np.isfinite(force.energy(gas)).all() and np.isfinite(force.laplacian(gas)).all()
        require(finite, "energy or Laplacian of coincident particles is not finite")


def non_finite_position_spoils_no_other(case: ForceCase) -> None:
    """A particle at a NaN position leaves the forces on the others finite."""
    force, gas = case.build(), case.gas()
    gas.positions[1] = np.nan
    others = np.delete(force_on(force, gas), 1, axis=0)
    require(np.isfinite(others).all(), "one NaN position makes the forces on other particles non-finite")


def slopes_are_derivatives_by_the_numbers(case: ForceCase) -> None:
    """Of a trained field: dU/d theta by central differences, and theta is where it was set."""
    trained, gas = case.build().trained, case.gas()
    if trained is None:
        return
    start, slopes = trained.coordinates, trained.slopes(np.asarray(gas.positions, np.float64))
    require(slopes.shape == (gas.count, len(trained.names)), "the slopes have another shape than (N, P)")
    for number in range(len(start)):
        energies = []
        for by in (_H, -_H):
            there = start + by * (np.arange(len(start)) == number)
            trained.move_to(there)
            require_close(trained.coordinates, there, 1e-14, "theta is not where it was set")
            energies.append(trained.energy(gas))
        slope = (energies[0] - energies[1]) / (2 * _H)
        require_close(slopes[:, number], slope, TOLERANCE, f"dU by {trained.names[number]} is not that of the energy")


def other_parameters_compile_nothing(case: ForceCase) -> None:
    """Parameters are arguments of kernels: other values, including integers, do not trigger recompilation."""
    _use(case.build(), case.gas())
    before = _compiled(type(case.law))
    written = case.law.model_dump(by_alias=True, exclude_unset=True) | {"kind": case.law.kind}
    _use(case.build(type(case.law).model_validate(_whole_numbers(written))), case.gas())
    require(_compiled(type(case.law)) == before, "other values of parameters trigger recompilation of a kernel")


FORCE_CONTRACT: tuple[Callable[[ForceCase], None], ...] = (
    force_is_minus_the_gradient,
    laplacian_is_minus_the_divergence,
    no_energy_without_potential,
    force_does_not_depend_on_threads,
    force_adds_and_keeps_positions,
    coincident_particles_are_finite_and_alike,
    non_finite_position_spoils_no_other,
    slopes_are_derivatives_by_the_numbers,
    other_parameters_compile_nothing,
)


def force_on(force: Force, gas: Gas) -> Array:
    """(N, D) force of a single force [energy/length]."""
    total = np.zeros(gas.positions.shape)
    force.add(gas, total)
    return total


def _energy_behind(force: Force, gas: Gas, i: int) -> float:
    """The energy of which the force on particle i is minus the gradient."""
    energy = force.energy(gas)
    return float(energy[gas.is_source].sum() if gas.is_source[i] else energy[i])


def _use(force: Force, gas: Gas) -> None:
    force_on(force, gas)
    if force.conservative:
        force.energy(gas)
        force.laplacian(gas)


def _compiled(law: type[ForceSpec]) -> dict[str, int]:
    """Kernel -> number of compiled signatures, of gasfield's forces and of the module of a law."""
    modules = [module for name, module in sys.modules.items() if name.startswith("gasfield.forces.")]
    kernels = [
        value
        for module in [*modules, sys.modules[law.__module__]]
        for value in vars(module).values()
        if isinstance(value, Dispatcher)
    ]
    return {f"{kernel.py_func.__module__}.{kernel.py_func.__name__}": len(kernel.signatures) for kernel in kernels}


def _whole_numbers(values: Any) -> Any:
    """The same parameters as integers of at least 1; vectors, whose components may be related, are unchanged."""
    if isinstance(values, Mapping):
        return {key: _whole_numbers(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_whole_numbers(value) if isinstance(value, Mapping) else value for value in values]
    return max(1, int(values)) if isinstance(values, float) else values
