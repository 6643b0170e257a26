"""When and where a simulation departs from the recording: the first step beyond a tolerance, coordinates and rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.comparison import Hindcast, Pair
from gasfield.comparison.hindcast import relative_errors
from gasfield.quantity import Quantity
from gasfield.statistics.estimate import Estimate, mean, missing

Indices = NDArray[np.int64]
Values = NDArray[np.float64]

_LISTED = 8
"""Coordinates and rows that are listed."""


@dataclass(frozen=True)
class Departure:
    """When and where one group departs.

    Attributes:
        tolerance: of the displacement error, relative to the displacement.
        first_difference: the first common step at which any bit differs; None if none does.
        first_beyond: the first common step at which the displacement error exceeds the tolerance; None if none does.
        beyond: share of the common steps, after the first, at which it does.
        error: displacement error at `first_beyond`, or at the last step.
        at: the step of which `coordinates` and `rows` speak: `first_beyond`, or the last.
        coordinates: those with the largest squared error there, the largest first.
        coordinate_shares: of each of them, of the squared error of all rows.
        carried_by: (sum e)^2 / sum e^2 of the squared errors e of the coordinates: over how many the error is spread;
            NaN without an error.
        rows: numbers within the group of the rows with the largest error there, the largest first.
        row_errors: distance from the recorded position of each of them [length].
    """

    tolerance: float
    first_difference: int | None
    first_beyond: int | None
    beyond: float
    error: Estimate
    at: int
    coordinates: Indices
    coordinate_shares: Values
    carried_by: float
    rows: Indices
    row_errors: Values

    @classmethod
    def of(cls, pair: Pair, errors_over_time: Hindcast, tolerance: float) -> Departure:
        """That of one group, with its errors at every step; its trajectories must be open if they are large."""
        steps, curve = pair.real.steps, errors_over_time.displacement_error
        unequal = next(
            (
                int(step)
                for step, real, simulated in zip(steps, pair.real.positions, pair.simulated.positions, strict=True)
                if not np.array_equal(real, simulated)
            ),
            None,
        )
        over = np.flatnonzero(np.nan_to_num(curve) > tolerance)
        place = int(over[0]) if len(over) else len(steps) - 1
        real = np.asarray(pair.real.positions[place], np.float64)
        apart = np.asarray(pair.simulated.positions[place], np.float64) - real
        errors = relative_errors(np.asarray(pair.real.positions[0], np.float64), real, real + apart)
        squared, distances = (apart**2).sum(axis=0), np.linalg.norm(apart, axis=1)
        total = squared.sum()
        coordinates = _largest(squared)
        return cls(
            tolerance=tolerance,
            first_difference=unequal,
            first_beyond=int(steps[place]) if len(over) else None,
            beyond=len(over) / max(1, len(steps) - 1),
            error=mean(errors, "1") if len(errors) else missing("1"),
            at=int(steps[place]),
            coordinates=coordinates,
            coordinate_shares=squared[coordinates] / total if total else np.empty(0),
            carried_by=float(total**2 / (squared**2).sum()) if total else float("nan"),
            rows=(rows := _largest(distances)),
            row_errors=distances[rows],
        )

    def quantities(self) -> dict[str, Quantity]:
        """The results by key."""
        error = self.error.quantity()
        return {
            "tolerance": Quantity(self.tolerance, "1"),
            "first_difference": Quantity(self.first_difference, "steps"),
            "first_beyond": Quantity(self.first_beyond, "steps"),
            "beyond": Quantity(self.beyond, "1"),
            "error": error,
            "at": Quantity(self.at, "steps"),
            "coordinates": Quantity(self.coordinates.tolist(), "coordinate"),
            "coordinate_shares": Quantity(self.coordinate_shares.tolist(), "1"),
            "carried_by": Quantity(self.carried_by, "coordinates"),
            "rows": Quantity(self.rows.tolist(), "row of the group"),
            "row_errors": Quantity(self.row_errors.tolist(), "length"),
        }

    def sentence(self, last: Estimate) -> str:
        """When and where, for a reader; `last` is the displacement error at the last step."""
        end = f"at the end the displacement error is {last.quantity().text()}"
        if self.first_difference is None:
            return "every bit of every frame is that of the training"
        begin = f"bits differ first at step {self.first_difference}"
        if self.first_beyond is None:
            return f"{begin}; the displacement error stays within {self.tolerance:g}, {end}"
        which = ", ".join(map(str, self.coordinates[:3]))
        share = float(self.coordinate_shares[:3].sum())
        return (
            f"{begin}; the displacement error first exceeds {self.tolerance:g} at step {self.first_beyond}, with "
            f"{self.error.quantity().text()}, and does so in {self.beyond:.0%} of the frames; {end}. At step {self.at} "
            f"it is spread over {self.carried_by:.3g} coordinates; {which} carry {share:.0%} of its square"
        )


def _largest(values: Values) -> Indices:
    """Places of the largest values that are not zero, the largest first."""
    order = np.argsort(-values, kind="stable")[:_LISTED]
    return np.asarray(order[values[order] > 0], np.int64)
