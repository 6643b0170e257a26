"""Free energies between states from samples of all of them: the multistate Bennett acceptance ratio.

Shirts and Chodera (2008, Journal of Chemical Physics 129:124105). State k has the density exp(-u_k(x) + f_k), with the
reduced energy u_k = U_k/T_k and f_k = F_k/T_k. With N_k samples from each,

    f_k = -log sum_n exp(-u_k(x_n)) / sum_j N_j exp(f_j - u_j(x_n)),

solved by the package `pymbar` (extra `mbar`), with its asymptotic errors. Only differences of f are determined. Samples
have to be independent: of a run, take frames that are a correlation time apart.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasfield.errors import InputError
from gasfield.statistics.estimate import Estimate, stated

Values = NDArray[np.float64]

INSTALL = "MBAR needs the package pymbar: pip install 'gasfield[mbar]'"
_FEWEST = 2
"""Samples of a state below which it has no error."""


@dataclass(frozen=True)
class Mbar:
    """Free energies of K states, from N samples in all.

    Attributes:
        free_energies: (K,) f_k - f_0 = F_k/T_k - F_0/T_0 [1].
        errors: (K, K) standard error of each f_j - f_i [1].
        overlap: (K, K) the share of state j in what samples of state i could be from: rows have sum 1. Small numbers
            beside the diagonal mean states that share no samples, and errors that are not to be trusted.
    """

    free_energies: Values
    errors: Values
    overlap: Values
    _solved: Any = field(repr=False)

    @classmethod
    def of(cls, reduced: ArrayLike, counts: ArrayLike) -> Self:
        """The free energies of K states.

        Args:
            reduced: (K, N) u_k of every sample in every state [1].
            counts: (K,) how many of the samples are from each state, in the order of the samples; 0 for a state that
                was not sampled.

        Raises:
            InputError: if shapes do not fit, an energy is NaN, too few samples are given, or `pymbar` is missing.
        """
        energies, numbers = np.array(reduced, np.float64), np.asarray(counts, np.int64)
        if energies.ndim != 2 or numbers.shape != (len(energies),) or numbers.sum() != energies.shape[1]:
            raise InputError(
                f"energies of shape {energies.shape} and counts {numbers.tolist()} do not fit: K x N and K numbers "
                "whose sum is N are needed."
            )
        if np.isnan(energies).any() or np.isneginf(energies).any():
            raise InputError("an energy of a sample is NaN or minus infinity.", parameter="reduced")
        if (numbers < 0).any() or ((numbers > 0) & (numbers < _FEWEST)).any():
            raise InputError(f"a state has fewer than {_FEWEST} samples: {numbers.tolist()}.", parameter="counts")
        package = _pymbar()
        with warnings.catch_warnings():  # options of a solver that SciPy ignores
            warnings.simplefilter("ignore")
            solved = package.MBAR(energies, numbers)
            found = solved.compute_free_energy_differences()
        overlap = np.asarray(solved.compute_overlap()["matrix"])
        return cls(np.asarray(found["Delta_f"])[0], np.asarray(found["dDelta_f"]), overlap, solved)

    @classmethod
    def of_temperatures(cls, energies: Sequence[ArrayLike], temperatures: ArrayLike) -> Self:
        """One potential at K temperatures.

        Args:
            energies: K times (N_k,) energies U of samples at each temperature [energy].
            temperatures: (K,) [energy].

        Raises:
            InputError: as `of`, or if a temperature is not above zero.
        """
        scale = np.asarray(temperatures, np.float64)
        samples = [np.asarray(part, np.float64) for part in energies]
        if len(samples) != len(scale) or not (scale > 0.0).all():
            raise InputError(f"there are {len(samples)} sets of energies and the temperatures {scale.tolist()}.")
        together = np.concatenate(samples)
        return cls.of(together[None, :] / scale[:, None], [len(part) for part in samples])

    def difference(self, first: int, second: int) -> Estimate:
        """f_second - f_first [1]."""
        return stated(self.free_energies[second] - self.free_energies[first], self.errors[first, second], "1")

    def mean(self, values: ArrayLike, reduced: ArrayLike, unit: str = "1") -> Estimate:
        """The mean of a quantity in any state, sampled or not.

        Args:
            values: (N,) of every sample.
            reduced: (N,) its reduced energy in that state [1].
            unit: of the values.
        """
        found = self._solved.compute_expectations(np.asarray(values, np.float64), self._one(reduced))
        return stated(found["mu"][0], found["sigma"][0], unit)

    def _one(self, reduced: ArrayLike) -> Values:
        """(1, N) reduced energies."""
        return np.asarray(reduced, np.float64)[None, :]


def _pymbar() -> Any:
    """The package, without what it prints when it is imported.

    Raises:
        InputError: if it is not installed.
    """
    logger = logging.getLogger("pymbar")
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pymbar
    except ImportError:
        raise InputError(f"{INSTALL}.") from None
    return pymbar
