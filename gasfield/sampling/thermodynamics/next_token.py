"""The thermodynamics of one next token: functions of T, spectrum, peak of C, nulls, law, melting point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gasfield.errors import InputError
from gasfield.quantity import Quantity
from gasfield.sampling.prompt_heat import heat_estimates
from gasfield.sampling.thermodynamics.contexts import Context
from gasfield.sampling.thermodynamics.laws import GapAndGaussian, GapAndTail, Gaussian, Zipf
from gasfield.sampling.thermodynamics.melting import CRITERION, Scaling, scaling_of
from gasfield.sampling.thermodynamics.peak import Peak
from gasfield.sampling.thermodynamics.states import DensityOfStates, density_of_states
from gasfield.statistics.canonical import Array, Canonical, canonical, energies_of
from gasfield.statistics.estimate import Estimate

UNITS = {"temperature": "1", "energy": "nats", "entropy": "nats", "free_energy": "nats", "heat_capacity": "nats"}
"""Of the thermodynamic functions: with E = -log p in nats, T is a pure number."""


@dataclass(frozen=True)
class NextToken:
    """Exact thermodynamics of the next token after a context.

    Attributes:
        context: what stands before it.
        entropy: of the whole law at T = 1, whatever is kept [nats].
        energies: (V',) E = -log p of the states kept, ascending; None where they were not stored.
        functions: U, S, F, C at K temperatures.
        density: of states.
        scaling: peaks of C over the number of likeliest tokens kept; the last is of all kept.
        zipf: null.
        gaussian: null.
        tail: law of one lowest state, a gap and a Zipf tail.
        bulk: law of one lowest state above which energies are Gaussian.
        moments: the same from the mean and the variance of the energies, without a fit.
        tail_peak: the peak of C of `tail`.
        bulk_peak: of `bulk`.
    """

    context: Context
    entropy: float
    energies: Array | None
    functions: Canonical
    density: DensityOfStates
    scaling: Scaling
    zipf: Zipf
    gaussian: Gaussian
    tail: GapAndTail
    bulk: GapAndGaussian
    moments: GapAndGaussian
    tail_peak: Peak
    bulk_peak: Peak

    @property
    def peak(self) -> Peak:
        """Of C, with all states kept."""
        return self.scaling.peaks[-1]

    def heat(self) -> dict[str, Estimate]:
        """Surprisal of the tokens of the context, and entropy of the law after it: see `heat_estimates`."""
        return heat_estimates(self.context.surprisal, self.entropy)

    def quantities(self) -> dict[str, Quantity]:
        """The numbers of a line: peaks, law and melting point."""
        peaks = {
            "peak": self.peak,
            "zipf": self.zipf.peak(),
            "gaussian": self.gaussian.peak(),
            "tail": self.tail_peak,
            "bulk": self.bulk_peak,
        }
        found = {f"{name}.temperature": Quantity(peak.temperature, "1") for name, peak in peaks.items()}
        found |= {f"{name}.height": Quantity(peak.height, "nats") for name, peak in peaks.items()}
        return found | {
            "tail.gap": Quantity(self.tail.gap, "nats", self.tail.gap_error),
            "tail.s": Quantity(self.tail.s, "nats", self.tail.s_error),
            "melting_point": Quantity(self.scaling.melting_point, "1"),
        }

    def as_json(self) -> dict[str, Any]:
        """All numbers as leaves."""
        return {
            "context": {"text": self.context.text, "tokens": Quantity(self.context.length, "1").leaf()},
            "prompt": {name: number.quantity().leaf() for name, number in self.heat().items()},
            "thermodynamics": functions_as_json(self.functions),
            "peak": _peak(self.peak),
            "melting_point": melting_leaf(self.scaling),
            "nulls": {
                "zipf": {"exponent": _with_error(self.zipf.exponent, self.zipf.error), "peak": _peak(self.zipf.peak())},
                "gaussian": {
                    "mean": Quantity(self.gaussian.mean, "nats").leaf(),
                    "sigma": Quantity(self.gaussian.sigma, "nats").leaf(),
                    "peak": _peak(self.gaussian.peak()),
                },
            },
            "laws": {
                "gap_and_tail": {
                    "gap": _with_error(self.tail.gap, self.tail.gap_error),
                    "s": _with_error(self.tail.s, self.tail.s_error),
                    "peak": _peak(self.tail_peak),
                },
                "gap_and_gaussian": {
                    "mean": _with_error(self.bulk.mean, self.bulk.mean_error),
                    "sigma": _with_error(self.bulk.sigma, self.bulk.sigma_error),
                    "peak": _peak(self.bulk_peak),
                },
                "favoured_state": {
                    "mean": Quantity(self.moments.mean, "nats").leaf(),
                    "sigma": Quantity(self.moments.sigma, "nats").leaf(),
                    "balance": Quantity(self.moments.balance(), "1").leaf(),
                },
            },
            "likeliest": _scaling(self.scaling),
            "density_of_states": self.density.as_json(),
        }


def measure(
    context: Context, logits: ArrayLike, temperatures: Array, keep: int | None = None, *, store: bool = True
) -> NextToken:
    """The thermodynamics of the law that logits (V,) give.

    Args:
        context: what stands before the token.
        logits: of the model, at T = 1; -inf is a forbidden token.
        temperatures: (K,).
        keep: number V' of likeliest tokens; energies are those of the whole law, -log p, so that F(1) = -log of their
            share. Default: all.
        store: keep the energies in the result.

    Raises:
        InputError: if logits are NaN or all forbidden, or fewer than three states are left.
    """
    energies = np.sort(energies_of(logits))
    entropy = float(canonical(energies, 1.0).entropy[0])
    energies = energies[np.isfinite(energies)][:keep]
    if len(energies) < 3:
        raise InputError(f"{context.text}: a spectrum of {len(energies)} states has no tail; at least 3 are needed.")
    tail, bulk = GapAndTail.fit(energies), GapAndGaussian.fit(energies)
    return NextToken(
        context, entropy, energies if store else None, canonical(energies, temperatures), density_of_states(energies),
        scaling_of(energies), Zipf.fit(energies), Gaussian.fit(energies), tail, bulk,
        GapAndGaussian.of_moments(energies), tail.peak(), bulk.peak(),
    )  # fmt: skip


def functions_as_json(functions: Canonical, errors: Canonical | None = None) -> dict[str, Any]:
    """{"temperature", "energy", "entropy", "free_energy", "heat_capacity"} -> leaf of K values."""

    def leaf(name: str) -> dict[str, Any]:
        error = None if errors is None or name == "temperature" else getattr(errors, name).tolist()
        return Quantity(getattr(functions, name).tolist(), UNITS[name], error).leaf()

    return {name: leaf(name) for name in UNITS}


def melting_leaf(scaling: Scaling) -> dict[str, Any]:
    """The melting point as a leaf, with the criterion, and the reason if there is none."""
    leaf = Quantity(scaling.melting_point, "1").leaf()
    reason = {} if scaling.objection is None else {"reason": scaling.objection}
    return leaf | reason | {"criterion": CRITERION}


def _peak(peak: Peak) -> dict[str, Any]:
    return {
        "temperature": Quantity(peak.temperature, "1").leaf(),
        "heat_capacity": Quantity(peak.height, "nats").leaf(),
        "maxima": Quantity(peak.maxima, "1").leaf(),
    }


def _scaling(scaling: Scaling) -> dict[str, Any]:
    table: dict[str, Any] = {"states": Quantity(list(scaling.states), "1").leaf()}
    for name, peaks in (("measured", scaling.peaks), ("zipf", scaling.zipf), ("gaussian", scaling.gaussian)):
        table[name] = {
            "temperature": Quantity([peak.temperature for peak in peaks], "1").leaf(),
            "heat_capacity": Quantity([peak.height for peak in peaks], "nats").leaf(),
        }
    return table


def _with_error(value: float, error: float) -> dict[str, Any]:
    return Quantity(value, "nats", error).leaf()
