"""One spectrum against the laws of one lowest state and a tail, fitted to ranks 10 to 1,000 alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from gasfield.sampling.chain import Chain
from gasfield.sampling.thermodynamics.laws import GapAndGaussian, GapAndTail
from gasfield.sampling.thermodynamics.melting import scaling_of
from gasfield.sampling.thermodynamics.peak import Peak, peak_of
from gasfield.statistics.canonical import canonical

Array = NDArray[np.float64]
FITTED = (10, 1_000)
SHARE = 0.1
"""Of the weight beyond the last rank fitted: the temperature at which it is reached is where a sampler has to cut."""
PARTS = {"2 to 9": (2, 9), "1,001 to 10,000": (1_001, 10_000), "10,001 to V": (10_001, 1 << 40)}
"""Ranks outside of the fit: first and last."""
RATIOS = (0.5, 0.75, 1.0, 1.25, 1.5)
"""T / s."""
CUTS = {
    "top-p .9": {"top_p": 0.9},
    "top-p .95": {"top_p": 0.95},
    "min-p .05": {"min_p": 0.05},
    "min-p .1": {"min_p": 0.1},
    "top-k 40": {"top_k": 40},
}
"""Name -> settings of a chain."""


@dataclass(frozen=True)
class Prediction:
    """What a law says of the spectrum that it was fitted to a part of.

    Attributes:
        peak: of C.
        cut: temperature at which `SHARE` of the weight lies beyond the ranks fitted.
        rms: root mean square error of the energies of `PARTS`, every octave with the same weight [nats].
        residual: measured minus predicted energies at `probes` [nats].
        lowest: -log p of the likeliest token if the tail, as fitted, takes what it says of a weight of one; NaN if it
            takes all.
    """

    peak: Peak
    cut: float
    rms: tuple[float, ...]
    residual: Array
    lowest: float


@dataclass(frozen=True)
class Trial:
    """A spectrum and its predictions.

    Attributes:
        entropy: S at T = 1 [nats].
        lowest: -log p of the likeliest token.
        peak: of C.
        melting_point: as `scaling_of` defines it.
        cut: as in `Prediction`, measured.
        whole: gap and tail fitted to all ranks from 2.
        tail: gap and tail fitted to `FITTED`.
        by_tail: its prediction.
        by_bulk: that of Gaussian energies above one lowest state, fitted to the same ranks.
        moments: Gaussian energies above one lowest state with the mean and the variance of all others; no fit.
    """

    entropy: float
    lowest: float
    peak: Peak
    melting_point: float | None
    cut: float
    whole: GapAndTail
    tail: GapAndTail
    by_tail: Prediction
    by_bulk: Prediction
    moments: GapAndGaussian


def try_laws(energies: Array) -> Trial:
    """The trial of ascending energies (V,)."""
    scaling = scaling_of(energies)
    tail, bulk = GapAndTail.fit(energies, FITTED), GapAndGaussian.fit(energies, FITTED)
    return Trial(
        float(canonical(energies, 1.0).entropy[0]), float(energies[0]), scaling.peaks[-1], scaling.melting_point,
        cutting_temperature(energies), GapAndTail.fit(energies), tail,
        predict(tail.energies(), energies), predict(bulk.energies(), energies), GapAndGaussian.of_moments(energies),
    )  # fmt: skip


def predict(law: Array, energies: Array) -> Prediction:
    """What a law (V,), its lowest state at 0, says of ascending energies (V,)."""
    residual = energies - energies[0] - law
    rms = []
    for first, last in PARTS.values():
        part = slice(first - 1, min(last, len(law)))
        weights = 1.0 / np.arange(part.start + 1.0, part.stop + 1.0)
        rms.append(float(np.sqrt(np.average(residual[part] ** 2, weights=weights))))
    rest = float(np.exp(-(energies[0] + law[1:])).sum())
    lowest = -np.log1p(-rest) if rest < 1.0 else np.nan
    return Prediction(peak_of(law), cutting_temperature(law), tuple(rms), residual[probes(len(law)) - 1], float(lowest))


def probes(states: int) -> NDArray[np.int64]:
    """Ranks at which residuals are averaged over prompts, even in their logarithm."""
    return np.unique(np.geomspace(1, states, 120).astype(np.int64))


def cutting_temperature(energies: Array) -> float:
    """T at which `SHARE` of the weight of energies (V,) in the order of ranks lies beyond rank 1,000."""
    above = energies - energies.min()

    def excess(log_temperature: float) -> float:
        weights = np.exp(-above / np.exp(log_temperature))
        return float(weights[FITTED[1] :].sum() / weights.sum()) - SHARE

    return float(np.exp(brentq(excess, np.log(0.02), np.log(50.0), xtol=1e-10)))


def cut_entropies(energies: Array, temperature: float) -> tuple[float, Array, Array]:
    """S of energies (V,), and of each of `CUTS` the entropy that it removes and the share that it keeps.

    In the order of the profile `transformers`: temperature comes first, then the cut.
    """
    everything = canonical(energies, temperature)
    removed, kept = [], []
    for settings in CUTS.values():
        chain = Chain.of("transformers", temperature=temperature, **settings)
        left = canonical(energies[np.isfinite(chain.apply(-energies))], temperature)
        removed.append(everything.entropy[0] - left.entropy[0])
        kept.append(np.exp((everything.free_energy[0] - left.free_energy[0]) / temperature))
    return float(everything.entropy[0]), np.array(removed), np.array(kept)
