"""Forecasters on trial: fitted to the training frames, scored on all later ones, and laid side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from gasfield.learning.forecasting.apart import STRETCHES, UNITS, Apart
from gasfield.learning.forecasting.calibration import Calibration, FrozenTest, calibrate, frozen_tests
from gasfield.learning.forecasting.errors import OriginBlocks, ratio
from gasfield.learning.forecasting.protocol import Forecaster, History, Predictor, Unavailable, tasks_of
from gasfield.learning.forecasting.result import PERSISTENCE, Forecast, LeftOut, Table
from gasfield.learning.forecasting.scores import CLASSES, Scores, Test, blocked, parts_of, phases_at_origins
from gasfield.learning.forecasting.verdict import verdict
from gasfield.quantity import Quantity

Stage = Callable[[str], None]


@dataclass
class Trial:
    """Forecasters on trial.

    Attributes:
        past: the training frames, of which a fit may use nothing else.
        test: what forecasts are judged on.
        frozen: for each horizon, where "frozen by step t" is judged; None where it is not.
        reasons: why something is undefined, by forecaster or by name of a table.
        span: the training frames.
        stage: called with what is computed.
        names: the forecasters, in the order of their trial.
        scores: of the forecasters that are available.
        terms: forecaster -> term -> what is lost without it.
        calibration: forecaster -> horizon -> calibration.
        fitted: forecaster -> what was fitted.
        predictors: forecaster -> itself after its fit.
        rescored: forecaster and number of origins -> scores from fewer origins than its own.
    """

    past: History
    test: Test
    frozen: list[FrozenTest | None]
    reasons: dict[str, str]
    span: slice
    stage: Stage
    names: list[str] = field(default_factory=list)
    scores: dict[str, Scores] = field(default_factory=dict)
    terms: dict[str, dict[str, LeftOut]] = field(default_factory=dict)
    calibration: dict[str, dict[int, Calibration]] = field(default_factory=dict)
    fitted: dict[str, Mapping[str, Quantity]] = field(default_factory=dict)
    predictors: dict[str, Predictor] = field(default_factory=dict)
    rescored: dict[tuple[str, int | None], Scores] = field(default_factory=dict)

    @classmethod
    def of(cls, history: History, span: slice, horizons: tuple[int, ...], stage: Stage) -> Trial:
        """The test of a history after a training span."""
        count, group = len(history.steps), history.group
        origins = tuple(OriginBlocks(span.stop, count - h - span.stop, h) for h in horizons)
        every = np.arange(span.stop, count - horizons[0])
        phase, no_phase = phases_at_origins(group, every)
        apart = Apart.of(span.stop, count - horizons[-1] - span.stop, group.count, group.dimensions)
        tasks = tuple(tasks_of(history, every, horizons))
        test = Test(history, horizons, origins, tasks, parts_of(group.count), phase, apart)
        frozen, no_decision = frozen_tests(test)
        if group.precision == "float64" and not no_decision:
            frozen, no_decision = [None] * len(horizons), "positions are float64: no row freezes on so fine a lattice"
        reasons = {"phases": no_phase, STRETCHES: apart.reason, "calibration": no_decision}
        past = history.until(span.stop)
        past = replace(past, group=past.group.at_frames(slice(span.start, None)))
        return cls(past, test, frozen, {name: why for name, why in reasons.items() if why}, span, stage)

    def run(self, name: str, forecaster: Forecaster) -> None:
        """Fits and scores a forecaster, and itself without each of its terms; a reason is kept if it cannot."""
        self.names.append(name)
        self.stage(name)
        try:
            predictor = forecaster.fit(self.past, self.test.horizons)
            self.scores[name] = Scores.of(predictor, self.test, predictor.most_origins)
        except Unavailable as reason:
            self.reasons[name] = str(reason)
            return
        self.predictors[name] = predictor
        self.fitted[name] = predictor.quantities()
        self._calibrate(name, predictor)
        for term, other in forecaster.simpler(self.past, self.test.horizons, predictor).items():
            self.stage(f"{name} without {term}")
            self.terms.setdefault(name, {})[term] = self._left_out(name, other)

    def _calibrate(self, name: str, predictor: Predictor) -> None:
        self.calibration[name] = {
            case.horizon: calibrate(predictor, case, self.test.parts) for case in self.frozen if case is not None
        }

    # --- tables ------------------------------------------------------------------------------------------------------

    def result(self, file: Path, baselines: tuple[str, ...]) -> Forecast:
        """Everything that was found."""
        test, steps, group = self.test, self.test.history.steps, self.test.history.group
        skill = self._skills(0)
        ahead = {}
        for blocks in test.origins:
            at = np.arange(blocks.first, blocks.first + blocks.count)
            spans = steps[at + blocks.horizon] - steps[at]
            ahead[blocks.horizon] = (int(spans.min()), int(spans.max()))
        phases = CLASSES[1:] if test.phase is not None else ()
        return Forecast(
            file=file,
            train=(self.span.start, self.span.stop),
            frames=len(steps),
            horizons=test.horizons,
            steps_ahead=ahead,
            origins={blocks.horizon: blocks.count for blocks in test.origins},
            rows=group.name,
            count=group.count,
            baselines=tuple(name for name in self.names if name in baselines),
            mse=self._errors(0),
            skill=skill,
            by_phase={phase: (self._errors(place), self._skills(place)) for place, phase in enumerate(phases, 1)},
            apart={name: self._apart(name) for name in test.apart.names},
            calibration=self.calibration,
            terms=self.terms,
            fitted=self.fitted,
            reasons=self.reasons | self._diverging(),
            verdict=tuple(
                verdict(h, skill[h], baselines, partial(self._named_difference, at=at))
                for at, h in enumerate(test.horizons)
            ),
            notes=self._notes(),
        )  # fmt: skip

    def _by_horizon(self, number: Callable[[str, int], Quantity]) -> Table:
        return {h: {name: number(name, at) for name in self.names} for at, h in enumerate(self.test.horizons)}

    def _errors(self, place: int) -> Table:
        """Mean squared errors in one of `CLASSES`."""

        def mse(name: str, at: int) -> Quantity:
            if name not in self.scores:
                return Quantity(None, "length^2")
            scores = self.scores[name]
            return ratio(scores.squares[at][place], scores.weights[at][place], self.test.origins[at], "length^2")

        return self._by_horizon(mse)

    def _skills(self, place: int) -> Table:
        """Of one of `CLASSES`."""
        return self._by_horizon(
            lambda name, at: self._skill(self.scores[name], at, place) if name in self.scores else Quantity(None, "1")
        )

    def _skill(self, scores: Scores, at: int, place: int = 0) -> Quantity:
        base = scores.still[at][place]
        return ratio(base - scores.squares[at][place], base, self.test.origins[at])

    def _difference(self, better: Scores, worse: Scores, at: int) -> Quantity:
        """Of two skills from the same origins, paired."""
        return ratio(worse.squares[at][0] - better.squares[at][0], worse.still[at][0], self.test.origins[at])

    def _named_difference(self, better: str, worse: str, at: int) -> Quantity:
        """The same of two forecasters, from the origins of the one that was scored from fewer."""
        most = _fewest(self.predictors[better], self.predictors[worse])
        return self._difference(self._scores_from(better, most), self._scores_from(worse, most), at)

    def _scores_from(self, name: str, most_origins: int | None) -> Scores:
        """The scores of a forecaster from at most so many origins."""
        predictor = self.predictors[name]
        if predictor.most_origins == most_origins:
            return self.scores[name]
        if (name, most_origins) not in self.rescored:
            self.rescored[name, most_origins] = Scores.of(predictor, self.test, most_origins)
        return self.rescored[name, most_origins]

    def _apart(self, part: str) -> tuple[Table, Table]:
        """(mse, skill) of a part."""

        def mse(name: str, at: int) -> Quantity:
            if name not in self.scores:
                return Quantity(None, UNITS[part])
            blocks = self.test.origins[at]
            return ratio(*blocked(self.scores[name].apart[part][at], blocks), blocks, UNITS[part])

        def skill(name: str, at: int) -> Quantity:
            if name not in self.scores:
                return Quantity(None, "1")
            blocks, own = self.test.origins[at], self.scores[name].apart[part][at]
            base = np.where(np.isfinite(own), self.scores[PERSISTENCE].apart[part][at], np.nan)
            gain, under = (blocked(values, blocks)[0] for values in (base - own, base))
            return ratio(gain, under, blocks)

        return self._by_horizon(mse), self._by_horizon(skill)

    def _left_out(self, name: str, other: Predictor) -> LeftOut:
        """A forecaster without a term, and the loss from the origins of the one that is scored from fewer."""
        most = _fewest(self.predictors[name], other)
        left, whole = Scores.of(other, self.test, most), self._scores_from(name, most)
        horizons = self.test.horizons
        return LeftOut(
            {h: self._skill(left, at) for at, h in enumerate(horizons)},
            {h: self._difference(whole, left, at) for at, h in enumerate(horizons)},
        )

    def _diverging(self) -> dict[str, str]:
        """Forecasters whose error is beyond all numbers."""
        return {
            name: "its forecasts grow beyond all numbers"
            for name, scores in self.scores.items()
            if not all(np.isfinite(squares).all() for squares in scores.squares)
        }

    def _notes(self) -> tuple[str, ...]:
        few = [
            f"horizon {blocks.horizon}: {blocks.count} origins contain only {blocks.independent:.1f} stretches of "
            f"{blocks.horizon} frames that do not overlap: errors there are rough"
            for blocks in self.test.origins
            if blocks.independent < 8
        ]
        some = [
            f"{name}: scored from {scores.origins[0]} origins, evenly spaced"
            for name, scores in self.scores.items()
            if scores.origins[0] < self.test.origins[0].count
        ]
        judged = [case for case in self.frozen if case is not None]
        if judged and not any(case.frozen.any() for case in judged):
            some.append("no row is frozen by any target of the calibration: to say that one is frozen is wrong there")
        return (
            f"errors: jackknife over at most {self.test.origins[0].blocks} blocks of origins, corrected for the "
            f"overlap of target spans, and over {self.test.part_count} parts of the rows, in quadrature; skills are "
            "paired",
            *few,
            *some,
        )


def _fewest(one: Predictor, other: Predictor) -> int | None:
    """The smaller number of origins at which two forecasters are scored; None for all origins."""
    return min((p.most_origins for p in (one, other) if p.most_origins is not None), default=None)
