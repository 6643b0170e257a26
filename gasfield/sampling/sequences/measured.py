"""Everything that is measured of sequences at one temperature, by name, under either law."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gasfield.language.base import Ids
from gasfield.sampling.sequences.ancestral import Ancestral
from gasfield.sampling.sequences.boltzmann import Boltzmann
from gasfield.sampling.sequences.observables import (
    coincidence,
    distances_within,
    mutual_information,
    repetition,
    susceptibility,
)
from gasfield.statistics.estimate import Estimate

Embedding = NDArray[np.floating]


def thermal(run: Ancestral | Boltzmann, k: int = 0) -> dict[str, Estimate]:
    """Thermodynamics of ancestral samples, or at the k-th temperature of Boltzmann's law.

    `energy`, `entropy`, `free_energy` (U - T S) [nats], `heat_capacity` (dU/dT) [nats per unit of T]; of ancestral
    samples also `fluctuation` (Var(E)/T^2) and `heat_defect` (T dS/dT - dU/dT), which equilibrium ties to the others.
    """
    if isinstance(run, Boltzmann):
        found = {"energy": run.mean_energy(k), "entropy": run.entropy(k), "free_energy": run.free_energy(k)}
        return found | {"heat_capacity": run.heat_capacity(k)}
    return {
        "energy": run.mean_energy(),
        "entropy": run.entropy(),
        "free_energy": run.free_energy(),
        "heat_capacity": run.heat_capacity(),
        "fluctuation": run.fluctuation(),
        "heat_defect": run.heat_defect(),
    }


def structural(
    tokens: Ids, groups: Ids, embedding: Embedding | None = None, distances: Sequence[int] | None = None
) -> dict[str, Estimate]:
    """`coincidence` and `mutual_information` over distance, `repetition`; with an embedding `susceptibility`, `order`.

    Args:
        tokens: (N, L) ids.
        groups: (N,); sequences of different groups are independent.
        embedding: (V, D).
        distances: of the correlations; by default those of `distances_within`.
    """
    apart = distances_within(tokens.shape[1]) if distances is None else tuple(distances)
    found = {"repetition": repetition(tokens, groups)}
    if apart:
        found["coincidence"] = coincidence(tokens, groups, apart)
        found["mutual_information"] = mutual_information(tokens, groups, apart)
    if embedding is not None:
        found["susceptibility"], found["order"] = susceptibility(tokens, groups, embedding)
    return found
