"""The outcome of a forecast: errors and skills with their errors, as tables, JSON and pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gasfield.learning.forecasting.calibration import Calibration
from gasfield.quantity import Quantity

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

    from gasfield.plots.style import OnFailure

PERSISTENCE = "persistence"
Table = Mapping[int, Mapping[str, Quantity]]
"""Horizon -> forecaster -> number."""


@dataclass(frozen=True)
class LeftOut:
    """A term of a forecaster that was left out.

    Attributes:
        skill: horizon -> skill without it.
        loss: horizon -> by how much the skill with it is higher.
    """

    skill: Mapping[int, Quantity]
    loss: Mapping[int, Quantity]


@dataclass(frozen=True)
class Forecast:
    """Forecasts of a trajectory beyond the training span, judged.

    Attributes:
        file: the trajectory.
        train: the first training frame, and the one after the last.
        frames: number of frames.
        horizons: frames ahead, ascending.
        steps_ahead: horizon -> the shortest and the longest span [steps].
        origins: horizon -> number of origins.
        rows: what was chosen; `count` rows.
        count: number of rows.
        baselines: names of the forecasters without a learned field.
        mse: [length^2], undefined where a forecaster is not available.
        skill: 1 - mse / mse of persistence.
        by_phase: phase of the rows at the origin -> mse and skill.
        apart: "centroid", "radius", "stretches" -> mse and skill.
        calibration: forecaster -> horizon -> calibration of "frozen by step t".
        terms: forecaster -> term -> what is lost without it.
        fitted: forecaster -> what was fitted.
        reasons: why a number is undefined, by forecaster ("" for all), and by the name of a table.
        verdict: what follows, in words.
        notes: what must be said.
    """

    file: Path
    train: tuple[int, int]
    frames: int
    horizons: tuple[int, ...]
    steps_ahead: Mapping[int, tuple[int, int]]
    origins: Mapping[int, int]
    rows: str
    count: int
    baselines: tuple[str, ...]
    mse: Table
    skill: Table
    by_phase: Mapping[str, tuple[Table, Table]]
    apart: Mapping[str, tuple[Table, Table]]
    calibration: Mapping[str, Mapping[int, Calibration]]
    terms: Mapping[str, Mapping[str, LeftOut]]
    fitted: Mapping[str, Mapping[str, Quantity]]
    reasons: Mapping[str, str]
    verdict: tuple[str, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """`mse.HORIZON.MODEL` and `skill.HORIZON.MODEL` as leaves, undefined ones with their reason; and all else."""
        start, stop = self.train
        return {
            "mse": self._table(self.mse),
            "skill": self._table(self.skill),
            "by_phase": self._parts(self.by_phase),
            "apart": self._parts(self.apart),
            "calibration": {
                model: {str(horizon): self._calibration(found) for horizon, found in table.items()}
                for model, table in self.calibration.items()
            },
            "terms": {
                model: {
                    term: {
                        "skill": {str(h): q.leaf() for h, q in left.skill.items()},
                        "loss": {str(h): q.leaf() for h, q in left.loss.items()},
                    }
                    for term, left in terms.items()
                }
                for model, terms in self.terms.items()
            },
            "fitted": {model: {name: q.leaf() for name, q in found.items()} for model, found in self.fitted.items()},
            "protocol": {
                "train": [start, stop],
                "test": [stop, self.frames],
                "rows": self.rows,
                "row_count": self.count,
                "origins": {str(horizon): count for horizon, count in self.origins.items()},
                "steps_ahead": {str(horizon): list(span) for horizon, span in self.steps_ahead.items()},
            },
            "reasons": dict(self.reasons),
            "verdict": list(self.verdict),
            "notes": list(self.notes),
        }

    def reason(self, model: str, table: str = "") -> str:
        """Why a number of a forecaster is undefined."""
        undefined = "persistence has no error there: nothing moves, or nothing was counted"
        return self.reasons.get(model) or (table and self.reasons.get(table)) or undefined

    def _table(self, table: Table, name: str = "") -> dict[str, Any]:
        return {
            str(horizon): {model: self._leaf(quantity, model, name) for model, quantity in row.items()}
            for horizon, row in table.items()
        }

    def _parts(self, parts: Mapping[str, tuple[Table, Table]]) -> dict[str, Any]:
        return {
            name: {"mse": self._table(mse, name), "skill": self._table(skill, name)}
            for name, (mse, skill) in parts.items()
        }

    def _leaf(self, quantity: Quantity, model: str, table: str) -> dict[str, Any]:
        leaf = quantity.leaf()
        return leaf if leaf["value"] is not None else leaf | {"reason": self.reason(model, table)}

    def _calibration(self, found: Calibration) -> dict[str, Any]:
        return {name: quantity.leaf() for name, quantity in vars(found).items()}

    def figures(self) -> dict[str, Callable[[], Figure | SubFigure]]:
        """Every figure that applies, by name; drawn when it is called."""
        import gasfield.plots.forecast as pictures

        found: dict[str, Callable[[], Figure | SubFigure]] = {"skill": lambda: pictures.skill(self)}
        if self.by_phase:
            found["phases"] = lambda: pictures.phases(self)
        if any(len(table) for table in self.calibration.values()):
            found["calibration"] = lambda: pictures.calibration(self)
        found["apart"] = lambda: pictures.apart(self)
        return found

    def plot_all(self, folder: Path, failed: OnFailure | None = None) -> list[Path]:
        """Writes every figure as a PNG file in a folder; see `gasfield.plots.style.save_all`."""
        from gasfield.plots.style import save_all

        return save_all(self.figures(), folder, failed)
