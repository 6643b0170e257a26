"""What of a cloud is forecast apart from its rows: its centroid, its radius, and how it is stretched.

    centroid     mean over rows
    radius       mean distance of the rows from the centroid
    stretches    singular values of the linear map F that takes the centred rows at the origin to those at the target by
                 least squares; F is the identity for a cloud that does not deform

Errors are squared differences between the forecast and the recording, averaged over coordinates or stretches. Stretches
need more rows than dimensions, or F would fit anything, and are computed from some of the origins.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from gasfield.diagnostics.base import spread_over
from gasfield.learning.forecasting.protocol import Values

CENTROID, RADIUS, STRETCHES = "centroid", "radius", "stretches"
UNITS = {CENTROID: "length^2", RADIUS: "length^2", STRETCHES: "1"}
_MOST, _FEWEST, _EASY = 32, 8, 128
"""Origins at which stretches are computed: that many up to so many dimensions, and fewer, as the work grows, beyond."""


@dataclass(frozen=True)
class Apart:
    """The parts, and the origins at which stretches are computed.

    Attributes:
        stretched: those origins.
        reason: why stretches are not computed; empty if they are.
    """

    stretched: NDArray[np.int64]
    reason: str
    _factors: dict[int, tuple[Values, bool]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, first: int, count: int, rows: int, dimensions: int) -> Apart:
        """For origins from a first one, and rows in some dimensions."""
        if rows <= dimensions + 1:
            return cls(
                np.empty(0, np.int64),
                f"{rows} rows are too few for a linear map of {dimensions} dimensions, which needs {dimensions + 2}",
            )
        most = int(np.clip(_MOST * (_EASY / dimensions) ** 2, _FEWEST, _MOST))
        return cls(first + spread_over(count, most), "")

    @property
    def names(self) -> tuple[str, ...]:
        """The parts."""
        return (CENTROID, RADIUS, STRETCHES)

    def errors(self, origins: NDArray[np.int64], here: Values, forecast: Values, real: Values) -> dict[str, Values]:
        """(b,) squared errors of each part; positions are (b, N, D)."""
        with np.errstate(over="ignore", invalid="ignore"):
            centres = [places.mean(axis=1) for places in (forecast, real)]
            radii = [
                np.linalg.norm(places - centre[:, None], axis=2).mean(axis=1)
                for places, centre in zip((forecast, real), centres, strict=True)
            ]
            found = {
                CENTROID: np.mean((centres[0] - centres[1]) ** 2, axis=1),
                RADIUS: (radii[0] - radii[1]) ** 2,
                STRETCHES: np.full(len(origins), np.nan),
            }
        for at in np.flatnonzero(np.isin(origins, self.stretched)):
            stretches = [self._stretches(int(origins[at]), here[at], places[at]) for places in (forecast, real)]
            found[STRETCHES][at] = np.mean((stretches[0] - stretches[1]) ** 2)
        return found

    def _stretches(self, origin: int, here: Values, there: Values) -> Values:
        """(D,) descending."""
        if not np.isfinite(there).all():
            return np.full(there.shape[1], np.nan)
        away = here - here.mean(axis=0)
        try:
            if origin not in self._factors:
                self._factors[origin] = cho_factor(away.T @ away)
            linear = cho_solve(self._factors[origin], away.T @ there)
        except np.linalg.LinAlgError:  # the rows lie in fewer dimensions
            linear = np.linalg.lstsq(away, there - there.mean(axis=0), rcond=None)[0]
        stretches: Values = np.linalg.svd(linear, compute_uv=False)
        return stretches
