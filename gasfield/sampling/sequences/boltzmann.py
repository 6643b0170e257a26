"""Boltzmann's law over sequences at a ladder of temperatures, and its thermodynamics.

With p(x)^beta / Z(beta), beta = 1/T: Z(1) = 1, d log Z / d beta = -U, dU/d beta = -Var(E). So

    log Z(beta) = integral of U from beta to 1,      S = beta U + log Z,      F = -T log Z,      C = Var(E) / T^2.

Between neighbours of the ladder the integral is that of the cubic with the measured values and slopes at both ends,
h (U_0 + U_1) / 2 + h^2 (Var_1 - Var_0) / 12 (Hermite), whose error is of order h^5; T = 1 is one of the ladder.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.language.base import Ids
from gasfield.sampling.sequences.chains import Chains
from gasfield.sampling.sequences.exchange import Ladders
from gasfield.sampling.sequences.law import Window, require_temperatures
from gasfield.statistics.correlation import correlated_mean, effective_size, integrated_time
from gasfield.statistics.estimate import Estimate
from gasfield.statistics.r_hat import RHat

Array = NDArray[np.float64]

DISCARDED = 0.2
"""Share of the moves that is not measured, at the start."""
SNAPSHOTS = 64
"""Times at which the tokens are kept."""


@dataclass(frozen=True)
class Boltzmann:
    """What G ladders of K temperatures went through in M measured moves.

    Attributes:
        temperatures: (K,) ascending.
        energies: (M, G, K) E after each move [nats].
        tokens: (n, G, K, L) ids at n times.
        acceptance: (L, K) share of accepted proposals by cut and temperature; NaN where none was tried.
        exchange: (K - 1,) share of accepted exchanges between neighbours; NaN without exchange.
        round_trips: of all replicas together.
        moves: all moves, the discarded ones included.
    """

    temperatures: Array
    energies: Array
    tokens: Ids
    acceptance: Array
    exchange: Array
    round_trips: int
    moves: int

    def mean_energy(self, k: int) -> Estimate:
        """U at the k-th temperature [nats]."""
        energy = self.energies[:, :, k]
        return correlated_mean(energy, "nats")

    def heat_capacity(self, k: int) -> Estimate:
        """C = Var(E) / T^2 [nats per unit of T]; the variance about the sample's mean is corrected."""
        squares = self._squares(k) * self._unbiased(k) / self.temperatures[k] ** 2
        return correlated_mean(squares, "nats")

    def log_partition(self, k: int) -> Estimate:
        """log Z by thermodynamic integration from T = 1.

        Raises:
            InputError: if T = 1 is not one of the ladder.
        """
        influence = self._log_partition(k)
        return correlated_mean(influence, "1")

    def free_energy(self, k: int) -> Estimate:
        """F = -T log Z [nats]."""
        influence = -self.temperatures[k] * self._log_partition(k)
        return correlated_mean(influence, "nats")

    def entropy(self, k: int) -> Estimate:
        """S = U / T + log Z [nats]."""
        influence = self.energies[:, :, k] / self.temperatures[k] + self._log_partition(k)
        return correlated_mean(influence, "nats")

    def r_hat(self, k: int) -> RHat:
        """Of the energies of the G ladders."""
        return RHat.of(self.energies[:, :, k])

    def effective_size(self, k: int) -> float:
        """Independent energies to which those of all ladders are equivalent."""
        return effective_size(self.energies[:, :, k])

    def sequences(self, k: int) -> tuple[Ids, Ids]:
        """Kept sequences (N, L) at the k-th temperature, and the ladder of each (N,)."""
        kept, ladders, _, length = self.tokens.shape
        return self.tokens[:, :, k].reshape(-1, length), np.tile(np.arange(ladders), kept)

    def _squares(self, k: int) -> Array:
        energy = self.energies[:, :, k]
        return np.asarray(np.square(energy - energy.mean()))

    def _unbiased(self, k: int) -> float:
        """The mean square about the sample's mean is too small by the fraction tau / (M G)."""
        energy = self.energies[:, :, k]
        return energy.size / max(energy.size - integrated_time(energy), 1.0)

    def _log_partition(self, k: int) -> Array:
        """(M, G) terms whose mean is log Z: the integral is linear in U and Var(E)."""
        one = np.flatnonzero(np.isclose(self.temperatures, 1.0, rtol=1e-12))
        if not one.size:
            raise InputError("log Z is known at T = 1 only, which the ladder lacks.", parameter="temperatures")
        found = np.zeros(self.energies.shape[:2])
        sign, low, high = (1.0, k, int(one[0])) if k <= one[0] else (-1.0, int(one[0]), k)
        for i in range(low, high):  # from beta_i down to beta_i+1; log Z(beta) = -integral of U from 1 to beta
            h = 1.0 / self.temperatures[i] - 1.0 / self.temperatures[i + 1]
            variances = self._squares(i) * self._unbiased(i), self._squares(i + 1) * self._unbiased(i + 1)
            mean = 0.5 * h * (self.energies[:, :, i] + self.energies[:, :, i + 1])
            found -= sign * (mean + h**2 / 12.0 * (variances[0] - variances[1]))
        return found


def sample_boltzmann(
    window: Window,
    temperatures: object,
    ladders: int,
    moves: int,
    seed: int,
    exchange: bool = True,
    proposals: object = None,
    snapshots: int = SNAPSHOTS,
) -> Boltzmann:
    """Samples Boltzmann's law by suffix moves, and by exchange between the temperatures after each.

    Ladder g depends on the seed and g alone, not on how many there are, as far as the logits of the law do not.

    Args:
        window: the law and the length.
        temperatures: (K,) of the ladder.
        ladders: G independent ones; all G K chains grow together.
        moves: of each chain; the first fifth is not measured.
        seed: of all random numbers.
        exchange: whether replicas exchange their temperatures; without, these are K G plain Metropolis chains.
        proposals: (K,) temperatures of the proposals; by default those of the ladder.
        snapshots: times at which tokens are kept.

    Raises:
        InputError: if a number is out of its range, or logits are not finite.
    """
    scale = require_temperatures(temperatures)
    if ladders < 1:
        raise InputError(f"should be at least 1, not {ladders}.", parameter="chains")
    discarded = int(DISCARDED * moves)
    if moves - discarded < 8:
        raise InputError(f"should be at least 10, not {moves}: fewer give no error.", parameter="moves")
    replicas = Ladders(scale, ladders, seed)
    order = np.argsort(np.atleast_1d(np.asarray(temperatures, np.float64)))
    taus = None if proposals is None else np.asarray(proposals, np.float64)[order]
    chains = Chains(window, scale, replicas.slot, seed, taus)
    energies, kept = np.empty((moves - discarded, ladders, len(scale))), []
    every = max(1, (moves - discarded) // max(snapshots, 1))
    for move in range(moves):
        chains.move()
        if exchange:
            replicas.exchange(chains.energy)
            chains.slot = replicas.slot
        if move >= discarded:
            energies[move - discarded] = chains.energy[replicas.replica]
            if (move - discarded) % every == every - 1:
                kept.append(chains.tokens[replicas.replica])
    with np.errstate(invalid="ignore", divide="ignore"):
        acceptance, exchanged = chains.accepted / chains.tried, replicas.accepted / replicas.tried
    return Boltzmann(scale, energies, np.stack(kept), acceptance, exchanged, replicas.round_trips, moves)
