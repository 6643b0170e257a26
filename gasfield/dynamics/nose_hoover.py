"""Nose-Hoover chains: Newton's equations with dynamical friction, so that <K> is that of the bath.

    dv/dt = F/m - xi_1 v,   Q_1 dxi_1/dt = 2K - N_f T - Q_1 xi_1 xi_2,   Q_k dxi_k/dt = Q_(k-1) xi_(k-1)^2 - T - ...

(Martyna, Klein and Tuckerman, 1992), integrated by the splitting of Martyna, Tuckerman, Tobias and Klein (1996): half a
step of the chain, kick, drift, kick, half a step of the chain. Deterministic and of second order; it conserves

    H' = K + U + sum_k Q_k xi_k^2/2 + N_f T eta_1 + T sum_(k>1) eta_k,     d eta_k/dt = xi_k

while the temperature is constant. The thermostat masses are Q_1 = N_f T tau^2 and Q_k = T tau^2.

Small deviations u = 2K/(N_f T) - 1 obey du/dt = -2 xi_1 and dxi_1/dt = u/tau^2 as long as forces do no work: the
temperature oscillates with the period sqrt(2) pi tau. Where the potential energy takes an equal share at once, as in a
harmonic well of a much shorter period, du/dt = -xi_1 and the period is 2 pi tau.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
from numba import prange
from numpy.typing import NDArray
from pydantic import Field

from gasfield.dynamics.base import Array, Conditions, DynamicsSpec
from gasfield.dynamics.mechanics import Splitting, keeps_momentum, velocities_of, verlet_limit
from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT, EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.registry import register

# Three sub-steps, together of fourth order (Suzuki, 1990; Yoshida, 1990); the chain is cheap compared to forces.
_OUTER = 1.0 / (2.0 - 2.0 ** (1.0 / 3.0))
_WEIGHTS = np.array([_OUTER, 1.0 - 2.0 * _OUTER, _OUTER])


@register
class NoseHoover(DynamicsSpec):
    """Newton's equations with a chain of thermostats; one chain for each temperature."""

    thermal: ClassVar[bool] = True
    has_velocities: ClassVar[bool] = True
    rotates_velocities: ClassVar[bool] = True

    kind: Literal["nose_hoover"] = "nose_hoover"
    time_step: float = Field(gt=0.0, allow_inf_nan=False)
    """h [time]."""
    relaxation_time: float = Field(gt=0.0, allow_inf_nan=False)
    """tau [time]: time scale of the thermostat, at least some ten steps. Where forces hardly matter the temperature
    oscillates with the period sqrt(2) pi tau; the potential energy makes it longer (2 pi tau in a harmonic well)."""
    chain: int = Field(3, ge=1, le=20)
    """Thermostats in the chain."""

    def stiffness_limit(self, mass: float) -> float:
        """Of velocity Verlet."""
        return verlet_limit(mass, self.time_step)

    def build(self, gas: Gas, conditions: Conditions) -> NoseHooverDynamics:
        """Builds the dynamics for this gas.

        Raises:
            InputError: if the run has no bath, its temperature is not above zero, fewer than two degrees of freedom
                share a chain, or there is no force to exchange energy.
        """
        self.require(conditions)
        assert conditions.bath is not None
        if not conditions.field.interacting and conditions.field.mutual:
            raise InputError(
                "nose_hoover without forces only rescales all velocities by a common factor, so the gas never reaches "
                "the Maxwell distribution; use langevin or andersen for an ideal gas."
            )
        if conditions.bath.lowest <= 0.0:
            raise InputError("nose_hoover needs a temperature above zero: its thermostat mass would be zero.")
        dynamics = NoseHooverDynamics(self, gas, conditions)
        for name, freedom in dynamics.freedoms(gas).items():
            if freedom < 2:
                more = "Use more particles" if gas.count else _NOTHING
                raise InputError(
                    f"nose_hoover has {freedom} degrees of freedom in {name} at the start; below 2 the dynamics are "
                    f"not ergodic and do not sample the canonical distribution. {more}, or langevin."
                )
        return dynamics


_NOTHING = "No particle is there yet: plant a structure at the start (plant_at: 0)"


class NoseHooverDynamics(Splitting):
    """Chain, kick, drift, kick, chain. State: `eta` and `xi`, (G, M) for G temperatures and M thermostats."""

    def __init__(self, law: NoseHoover, gas: Gas, conditions: Conditions) -> None:
        super().__init__(gas, conditions, law.time_step, "NBABN")
        assert conditions.bath is not None
        self._relaxation_time = law.relaxation_time
        self._shares_chain = conditions.bath.uniform
        # One chain scales all velocities equally, so zero total momentum is conserved; several chains do not.
        self.keeps_momentum = self._shares_chain and keeps_momentum(conditions, gas)
        chains = 1 if self._shares_chain else len(gas.names)
        self._eta = np.zeros((chains, law.chain))
        self._xi = np.zeros((chains, law.chain))

    def freedoms(self, gas: Gas) -> dict[str, int]:
        """Degrees of freedom of each chain, by the name of its group."""
        counts = self._freedoms(gas)
        return {"the gas": int(counts[0])} if self._shares_chain else dict(zip(gas.names, counts.tolist(), strict=True))

    def degrees_of_freedom(self, gas: Gas) -> int:
        """D N, less D if total momentum is conserved."""
        return int(self._freedoms(gas).sum())

    def measures(self, gas: Gas) -> dict[str, float]:
        """`conserved`: H', the energy of gas and thermostats."""
        measures = super().measures(gas)
        if self.field.conservative and self.field.steady:
            temperatures, masses = self._chain_temperatures(gas), self._masses(gas)
            thermostats = 0.5 * np.sum(masses * self._xi**2) + np.sum(temperatures[:, None] * self._eta)
            thermostats += np.sum((self._freedoms(gas) - 1) * temperatures * self._eta[:, 0])
            measures["conserved"] = float(gas.kinetic_energies().sum() + self.field.energy(gas).sum() + thermostats)
        return measures

    def _pieces(self) -> dict[str, Callable[[Gas, float], None]]:
        return super()._pieces() | {"N": self._thermostat}

    def _thermostat(self, gas: Gas, span: float) -> None:
        """Advances the chains by a time and scales the velocities of their groups."""
        kinetic, masses, freedoms = self._kinetic(gas), self._masses(gas), self._freedoms(gas).astype(np.float64)
        scales = np.empty(len(self._eta))
        for g, temperature in enumerate(self._chain_temperatures(gas)):
            scales[g] = _move_chain(
                self._eta[g], self._xi[g], masses[g], 2.0 * kinetic[g], freedoms[g], temperature, span, _WEIGHTS
            )
        before = gas.kinetic_energies()
        _scale(velocities_of(gas), scales, self._chain_of(gas))
        self._heat += before - gas.kinetic_energies()

    def _chain_of(self, gas: Gas) -> NDArray[np.int64]:
        """(N,) the chain of each particle."""
        return np.zeros(gas.count, np.int64) if self._shares_chain else gas.species

    def _kinetic(self, gas: Gas) -> Array:
        """(G,) kinetic energy of each chain's particles."""
        return np.bincount(self._chain_of(gas), gas.kinetic_energies(), minlength=len(self._eta)).astype(np.float64)

    def _freedoms(self, gas: Gas) -> NDArray[np.int64]:
        """(G,) degrees of freedom of each chain."""
        counts = self.space.freedom * np.bincount(self._chain_of(gas), minlength=len(self._eta))
        return np.asarray(np.maximum(counts - (gas.dimensions if self.keeps_momentum else 0), 0))

    def _chain_temperatures(self, gas: Gas) -> Array:
        """(G,) temperature of each chain."""
        assert self.bath is not None
        return self.bath.at(gas.step)[: len(self._eta)]

    def _masses(self, gas: Gas) -> Array:
        """(G, M) masses of the thermostats."""
        masses = np.repeat(self._chain_temperatures(gas)[:, None] * self._relaxation_time**2, self._eta.shape[1], 1)
        masses[:, 0] *= self._freedoms(gas)
        return masses

    def _memory(self) -> dict[str, NDArray[Any]]:
        return {"eta": self._eta, "xi": self._xi}


@jit(**EXACT)
def _move_chain(eta, xi, masses, twice_kinetic, freedom, temperature, span, weights):  # type: ignore[no-untyped-def]
    """Advances one chain (M,) by a time, in place; returns the factor by which velocities change."""
    last = eta.size - 1
    scale = 1.0
    for weight in weights:
        h = weight * span
        for k in range(last, -1, -1):  # from the far end of the chain towards the gas ...
            _push(xi, masses, k, twice_kinetic, freedom, temperature, h)
        factor = np.exp(-h * xi[0])
        scale *= factor
        twice_kinetic *= factor * factor
        for k in range(last + 1):
            eta[k] += h * xi[k]
        for k in range(last + 1):  # ... and back, in the opposite order, so that the step is reversible
            _push(xi, masses, k, twice_kinetic, freedom, temperature, h)
    return scale


@jit(**EXACT)
def _push(xi, masses, k, twice_kinetic, freedom, temperature, h):  # type: ignore[no-untyped-def]
    """Half a sub-step of thermostat k: damping by the next one for a quarter, kick, damping again."""
    driven = twice_kinetic - freedom * temperature if k == 0 else masses[k - 1] * xi[k - 1] ** 2 - temperature
    damping = np.exp(-0.25 * h * xi[k + 1]) if k + 1 < xi.size else 1.0
    xi[k] = (xi[k] * damping + 0.5 * h * driven / masses[k]) * damping


@jit(**EXACT_PARALLEL)
def _scale(velocities, scales, chain):  # type: ignore[no-untyped-def]
    """v_i *= s of its chain, in place."""
    for i in prange(velocities.shape[0]):
        for j in range(velocities.shape[1]):
            velocities[i, j] *= scales[chain[i]]
