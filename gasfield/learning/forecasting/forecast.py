"""Forecasts of a trajectory beyond a training span, by several forecasters, judged by one protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gasfield.errors import InputError, about
from gasfield.learning.data import frame_range
from gasfield.learning.forecasting.apart import STRETCHES, UNITS, Apart
from gasfield.learning.forecasting.calibration import Calibration, FrozenTest, calibrate, frozen_tests
from gasfield.learning.forecasting.control import without_memory
from gasfield.learning.forecasting.errors import OriginBlocks, ratio
from gasfield.learning.forecasting.gradients import RowGradients
from gasfield.learning.forecasting.protocol import (
    FORECASTERS,
    Forecaster,
    History,
    Predictor,
    Unavailable,
    tasks_of,
)
from gasfield.learning.forecasting.recorded_law import RecordedLaw
from gasfield.learning.forecasting.result import PERSISTENCE, Forecast, LeftOut, Table
from gasfield.learning.forecasting.rollout import LearnedFile, LearnedModel
from gasfield.learning.forecasting.rows import chosen_rows
from gasfield.learning.forecasting.scores import (
    CLASSES,
    Scores,
    Test,
    blocked,
    names_of,
    parts_of,
    phases_at_origins,
)
from gasfield.learning.forecasting.verdict import verdict
from gasfield.learning.model import MODELS, AnyModel, FieldModel
from gasfield.quantity import Quantity
from gasfield.scenario.document import read_value
from gasfield.spec import parse
from gasfield.streams import require_seed
from gasfield.trajectory import Trajectory, open_trajectory

HORIZONS = (1, 10, 100)
_FEWEST = 4
"""Fewest training frames: three increments."""
Stage = Callable[[str], None]


def forecast(
    recording: Trajectory | str | Path,
    train: str,
    horizons: Sequence[int] | None = None,
    *,
    rows: str | None = None,
    models: Sequence[FieldModel | Mapping[str, Any] | str | Path] | None = None,
    rank: int | None = None,
    control: int | None = None,
    stage: Stage = lambda name: None,
) -> Forecast:
    """Forecasts every later frame of a trajectory from a training span, by all forecasters.

    Args:
        recording: a trajectory, open or by path.
        train: the training span, a range a:b of frames, the end excluded.
        horizons: frames ahead; those of 1, 10 and 100 that fit into the test span if left out.
        rows: groups joined by commas, "all", or "moving" (the default): all rows that are not frozen over the test
            span.
        models: learned models besides the baselines, each a specification as for `fit`, or the path of a learned field;
            every kind that is fitted to a trajectory if left out.
        rank: of the dynamic mode decomposition; chosen within the training span if left out.
        control: a seed; the increments are then permuted in time and given random signs first, so that nothing can have
            a positive skill.
        stage: called with what is computed.

    Raises:
        InputError: if the training span, a horizon or the rows do not fit the trajectory, with the numbers.
    """
    if not isinstance(recording, Trajectory):
        with open_trajectory(recording) as opened:
            return forecast(opened, train, horizons, rows=rows, models=models, rank=rank, control=control, stage=stage)
    span, group = _span_and_rows(recording, train, rows)
    ahead, notes = _horizons(horizons, span, len(group.steps))
    if control is not None:
        group = without_memory(group, require_seed(control, "control"))
    gradients = RowGradients.of(recording, group.ids)
    history = History(group, gradients, RecordedLaw.of(recording), recording)
    trial = Trial.of(history, span, ahead, stage)
    for name, forecaster in (_baselines(rank) | _learned(models, trial)).items():
        trial.run(name, forecaster)
    found = trial.result(recording.path, tuple(FORECASTERS))
    return replace(found, notes=(*group.notes, *notes, *found.notes))


def read_horizons(text: str | None) -> list[int] | None:
    """Horizons written as "1,10,100"; None for none.

    Raises:
        InputError: if they are not numbers.
    """
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError("write frames ahead as 1,10,100.", parameter="horizon", value=text) from None


def read_models(texts: Sequence[str]) -> list[Any] | None:
    """Models written as a kind, a mapping in YAML, or the path of a learned field; None for none.

    Raises:
        InputError: if one is not YAML.
    """
    with about("model"):
        return [Path(text) if text.endswith((".h5", ".hdf5")) else read_value(text) for text in texts] or None


def _baselines(rank: int | None) -> dict[str, Forecaster]:
    """All of them, persistence first."""
    given = {"dmd": {"rank": rank}} if rank is not None else {}
    kinds = [PERSISTENCE, *(kind for kind in FORECASTERS if kind != PERSISTENCE)]
    return {kind: FORECASTERS.parse({"kind": kind, **given.get(kind, {})}) for kind in kinds}


def _learned(
    models: Sequence[FieldModel | Mapping[str, Any] | str | Path] | None, trial: Trial
) -> dict[str, Forecaster]:
    """Learned models by name: their kind, or the name of their file.

    Raises:
        InputError: if there is no such kind or file, or a field has been fitted to the test span.
    """
    if models is None:
        models = [kind for kind, model in MODELS.items() if model.needs_data]
    found: dict[str, Forecaster] = {}
    for given in models:
        forecaster: Forecaster
        if isinstance(given, Path):
            file = LearnedFile(file=given)
            assert trial.past.trajectory is not None
            file.require_unseen(trial.past.trajectory, int(trial.past.steps[-1]))
            name, forecaster = given.stem, file
        else:
            with about("model"):
                model: FieldModel = parse(AnyModel, given)
            name, forecaster = model.kind, LearnedModel(model=model)
        while name in found or name in FORECASTERS:
            name += "'"
        found[name] = forecaster
    return found


def _span_and_rows(recording: Trajectory, train: str, rows: str | None) -> tuple[slice, Any]:
    """The training frames and the rows.

    Raises:
        InputError: if they do not fit the trajectory.
    """
    count = chosen_rows_frames(recording)
    span = frame_range(train, count, "train")
    if span.stop - span.start < _FEWEST:
        raise InputError(
            f"has {span.stop - span.start} frames; a fit needs at least {_FEWEST}.", parameter="train", value=train
        )
    if span.stop > count - 2:
        raise InputError(
            f"leaves {count - span.stop} of the {count} frames for the test; at least 2 are needed, an origin and what "
            "comes after it.",
            parameter="train",
            value=train,
        )
    group = chosen_rows(recording, rows, span.stop)
    if len(group.steps) != count:
        raise InputError(f"{recording.path}: some frames contain none of the rows {group.name}.", parameter="rows")
    return span, group


def chosen_rows_frames(recording: Trajectory) -> int:
    """Number of frames without repeated checkpoints."""
    from gasfield.diagnostics.repeats import distinct_frames

    return len(distinct_frames(recording)[0])


def _horizons(wanted: Sequence[int] | None, span: slice, count: int) -> tuple[tuple[int, ...], list[str]]:
    """The horizons, ascending, and what is to be said of them.

    Raises:
        InputError: if one is not a positive number of frames within the test span.
    """
    longest = count - 1 - span.stop
    if wanted is None:
        fitting = tuple(h for h in HORIZONS if h <= longest)
        beyond = [h for h in HORIZONS if h > longest]
        note = f"the test span of {count - span.stop} frames has no horizon of {names_of(beyond)}" if beyond else ""
        return fitting, [note] if note else []
    if not wanted or min(wanted) < 1:
        raise InputError("horizons are positive numbers of frames.", parameter="horizon", value=list(wanted))
    if max(wanted) > longest:
        raise InputError(
            f"{max(wanted)} frames ahead of the first origin, frame {span.stop}, is beyond the last, {count - 1}: "
            f"the test span has {count - span.stop} frames, and horizons of at most {longest}.",
            parameter="horizon",
        )
    return tuple(sorted(set(wanted))), []


@dataclass
class Trial:
    """Forecasters on trial: fitted to the training frames, and scored on the test frames."""

    past: History
    test: Test
    frozen: list[FrozenTest | None]
    reasons: dict[str, str]
    span: slice
    stage: Stage
    scores: dict[str, Scores]
    simpler: dict[str, dict[str, Scores]]
    calibration: dict[str, dict[int, Calibration]]
    fitted: dict[str, Mapping[str, Quantity]]
    names: list[str]

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
        return cls(past, test, frozen, {name: why for name, why in reasons.items() if why}, span, stage,
                   {}, {}, {}, {}, [])  # fmt: skip

    def run(self, name: str, forecaster: Forecaster) -> None:
        """Fits and scores a forecaster, and itself without each of its terms; a reason is kept if it cannot."""
        self.names.append(name)
        self.stage(name)
        try:
            predictor = forecaster.fit(self.past, self.test.horizons)
            self.scores[name] = Scores.of(predictor, self.test)
        except Unavailable as reason:
            self.reasons[name] = str(reason)
            return
        self.fitted[name] = predictor.quantities()
        self._calibrate(name, predictor)
        for term, other in forecaster.simpler(self.past, self.test.horizons, predictor).items():
            self.stage(f"{name} without {term}")
            self.simpler.setdefault(name, {})[term] = Scores.of(other, self.test)

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
            mse=self._by_horizon(lambda name, at: self._mse(name, at)),
            skill=skill,
            by_phase={phase: self._skills(1 + place) for place, phase in enumerate(phases)},
            apart={name: self._apart(name) for name in test.apart.names},
            calibration=self.calibration,
            terms={name: {term: self._left_out(name, left) for term, left in terms.items()}
                   for name, terms in self.simpler.items()},
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

    def _mse(self, name: str, at: int) -> Quantity:
        if name not in self.scores:
            return Quantity(None, "length^2")
        scores = self.scores[name]
        return ratio(scores.squares[at][0], scores.weights[at][0], self.test.origins[at], "length^2")

    def _skills(self, place: int) -> Table:
        """Of one of `CLASSES`."""
        return self._by_horizon(
            lambda name, at: self._skill(self.scores[name], at, place) if name in self.scores else Quantity(None, "1")
        )

    def _skill(self, scores: Scores, at: int, place: int = 0) -> Quantity:
        base = scores.still[at][place]
        return ratio(base - scores.squares[at][place], base, self.test.origins[at])

    def _difference(self, better: Scores, worse: Scores, at: int) -> Quantity:
        """Of two skills, paired if both were scored from the same origins."""
        if better.origins == worse.origins:
            return ratio(worse.squares[at][0] - better.squares[at][0], worse.still[at][0], self.test.origins[at])
        one, other = (self._skill(scores, at) for scores in (better, worse))
        if one.leaf()["value"] is None or other.leaf()["value"] is None:
            return Quantity(None, "1")
        return Quantity(
            one.leaf()["value"] - other.leaf()["value"],
            "1",
            float(np.hypot(one.leaf()["error"] or 0.0, other.leaf()["error"] or 0.0)),
        )

    def _named_difference(self, better: str, worse: str, at: int) -> Quantity:
        return self._difference(self.scores[better], self.scores[worse], at)

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
            blocks, base = self.test.origins[at], self.scores[PERSISTENCE].apart[part][at]
            gain, under = (blocked(v, blocks)[0] for v in (base - self.scores[name].apart[part][at], base))
            return ratio(gain, under, blocks)

        return self._by_horizon(mse), self._by_horizon(skill)

    def _left_out(self, name: str, left: Scores) -> LeftOut:
        horizons = self.test.horizons
        return LeftOut(
            {h: self._skill(left, at) for at, h in enumerate(horizons)},
            {h: self._difference(self.scores[name], left, at) for at, h in enumerate(horizons)},
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
        return (
            f"errors: jackknife over at most {self.test.origins[0].blocks} blocks of origins, corrected for the "
            f"overlap of target spans, and over {self.test.part_count} parts of the rows, in quadrature; skills are "
            "paired",
            *few,
            *some,
        )
