"""Forecasts of a trajectory beyond a training span: what is asked for, checked and put on trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gasfield.diagnostics import Group
from gasfield.diagnostics.repeats import distinct_frames
from gasfield.errors import InputError, about
from gasfield.learning.forecasting.control import without_memory
from gasfield.learning.forecasting.protocol import (
    FORECASTERS,
    Forecaster,
    History,
)
from gasfield.learning.forecasting.result import PERSISTENCE, Forecast
from gasfield.learning.forecasting.rollout import LearnedFile, LearnedModel
from gasfield.learning.forecasting.rows import chosen_rows
from gasfield.learning.forecasting.scores import (
    names_of,
)
from gasfield.learning.forecasting.trial import Stage, Trial
from gasfield.learning.model import MODELS, AnyModel, FieldModel
from gasfield.learning.recorded.gradients import RowGradients
from gasfield.learning.recorded.law import RecordedLaw
from gasfield.scenario.document import read_value
from gasfield.spec import parse
from gasfield.streams import require_seed
from gasfield.trajectory import Trajectory, open_trajectory
from gasfield.trajectory.selection import frame_range

HORIZONS = (1, 10, 100)
_VARIANTS = ({"kind": "linear", "target": "gradient", "windows": 5},)
"""Specifications that are tried by default, besides every kind with its defaults."""
_FEWEST = 4
"""Fewest training frames: three increments."""


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
            the kinds that are made for any trajectory if left out.
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
        kinds = [kind for kind, model in MODELS.items() if model.tried]
        wanted: list[Any] = [*kinds, *(dict(variant) for variant in _VARIANTS if variant["kind"] in kinds)]
    else:
        wanted = list(models)
    found: dict[str, Forecaster] = {}
    for given in wanted:
        forecaster: Forecaster
        if isinstance(given, Path):
            file = LearnedFile(file=given)
            assert trial.past.trajectory is not None
            file.require_unseen(trial.past.trajectory, int(trial.past.steps[-1]))
            name, forecaster = given.stem, file
        else:
            with about("model"):
                model: FieldModel = parse(AnyModel, given)
            name, forecaster = _name_of(model), LearnedModel(model=model)
        while name in found or name in FORECASTERS:
            name += "'"
        found[name] = forecaster
    return found


def _name_of(model: FieldModel) -> str:
    """Its kind, and what is not left at its default: "linear target=gradient"."""
    chosen = model.model_dump(mode="json", exclude_defaults=True, exclude={"kind"})
    return " ".join([model.kind, *(f"{key}={value}" for key, value in chosen.items())])


def _span_and_rows(recording: Trajectory, train: str, rows: str | None) -> tuple[slice, Group]:
    """The training frames and the rows.

    Raises:
        InputError: if they do not fit the trajectory.
    """
    count = len(distinct_frames(recording)[0])
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
