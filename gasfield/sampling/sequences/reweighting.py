"""Boltzmann's law at T from ancestral samples at another temperature, by importance weights: cheap, and how it fails.

Every sequence drawn from q_T0 counts with w = p^(1/T) / q_T0, and log <w> = log Z(T). From N samples the effective size
(sum w)^2 / sum w^2 tends to N / sum_x P_T(x)^2 / q_T0(x): for T0 = 1 that is N Z(b)^2 / Z(2 b - 1) with b = 1/T, which
falls exponentially with the length, by the fluctuation of E. Where it is a few, the mean is that of the lowest energies
that happened to be drawn, and the error that is estimated from the same weights is too small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gasfield.sampling.sequences.ancestral import Ancestral
from gasfield.sampling.sequences.law import require_temperatures
from gasfield.statistics.estimate import Estimate, stated

RELIABLE = 50.0
"""Effective size below which the error of a weighted mean is not to be believed."""


@dataclass(frozen=True)
class Reweighted:
    """Estimates at T from samples at T0.

    Attributes:
        temperature: T.
        energy: U [nats].
        log_partition: log Z.
        effective_size: (sum w)^2 / sum w^2.
        largest: largest share of one sequence in the sum of weights.
    """

    temperature: float
    energy: Estimate
    log_partition: Estimate
    effective_size: float
    largest: float

    @property
    def reliable(self) -> bool:
        """Whether the effective size suffices for an error."""
        return self.effective_size >= RELIABLE


def reweight(samples: Ancestral, temperature: float) -> Reweighted:
    """Boltzmann's law at a temperature from ancestral samples at another.

    Raises:
        InputError: if the temperature is not a finite number above 0.
    """
    (scale,) = require_temperatures(temperature)
    log_weight = -samples.energy / scale - samples.log_probability
    top = log_weight.max()
    weight = np.exp(log_weight - top)
    share = weight / weight.sum()
    energy = float(share @ samples.energy)
    error = np.sqrt(np.sum(np.square(share * (samples.energy - energy))))
    spread = np.sqrt(np.sum(np.square(share - 1.0 / len(share))))  # relative error of the mean weight
    return Reweighted(
        float(scale),
        stated(energy, error, "nats"),
        stated(top + np.log(weight.mean()), spread, "1"),
        float(1.0 / np.sum(share**2)),
        float(share.max()),
    )
