"""What to say of a ladder of temperatures whose replicas do not mix, and how many more temperatures would help.

If the energies at two neighbours are normal with a common standard deviation sigma, an exchange is accepted with
probability erfc(sigma |1/T_i - 1/T_j| / 2): the mean of min(1, exp(-d)) over a normal d of mean m and variance 2 m,
m = (sigma (1/T_i - 1/T_j))^2.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import erfcinv

from gasfield.operations.replica_exchange import POOR
from gasfield.sampling.sequences.boltzmann import Boltzmann

_WANTED = 0.2
"""Acceptance for which more temperatures are recommended."""


def ladder_notes(run: Boltzmann) -> Iterator[str]:
    """What to say of neighbours that hardly exchange, with how many temperatures would help."""
    spread = run.energies.std(axis=(0, 1))
    for k, share in enumerate(run.exchange):
        if not share < POOR:
            continue
        low, high = run.temperatures[k], run.temperatures[k + 1]
        sigma = float(0.5 * (spread[k] + spread[k + 1]))
        apart = abs(run.energies[:, :, k + 1].mean() - run.energies[:, :, k].mean())
        pull = max(sigma * (1.0 / low - 1.0 / high), float(np.sqrt(apart * (1.0 / low - 1.0 / high))))
        between = max(int(np.ceil(pull / (2.0 * erfcinv(_WANTED)))) - 1, 1)
        yield (
            f"the ladder does not mix: {share:.2g} of the exchanges between T = {low:.4g} and {high:.4g} are accepted, "
            f"whose mean energies differ by {apart:.3g} nats (standard deviation {sigma:.3g}); about {between} more "
            f"temperatures between them, or a shorter length, would give {_WANTED}"
        )
