"""The law of a recorded training: constants and options at every update, precisions, and where its state began.

Constants that changed are known at the recorded steps only. Files that say nothing of the single updates have constant
numbers as attributes, as those of `gasfield record` before updates were recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.reading import object_of
from gasfield.trajectory import Series, Trajectory, schema

_UPDATES = "updates"
_BETAS = ("beta1", "beta2")


@dataclass(frozen=True, eq=False)
class TrainingLaw:
    """The law by which a recorded training moved its matrix.

    Attributes:
        path: the recording.
        optimiser: its name in lower case; "unknown" if there was none.
        first: the first recorded step.
        numbers: constants that never changed, by name.
        series: constants that changed, by name.
        updates: updates made at each step; None if every step made one, as far as is known.
        options: every other option of the parameter group.
        weight_dtype: of the matrix.
        has_master: whether the optimiser moved a copy of it in a higher precision.
        device: of what it moved; None if it is not recorded, and a CPU is assumed.
        moment_dtypes: by the name of the moment.
        steps_before: updates before the first recorded step; None if there were some, and their number is not known.
    """

    path: Path
    optimiser: str
    first: int
    numbers: Mapping[str, float]
    series: Mapping[str, Series]
    updates: Series | None
    options: Mapping[str, Any]
    weight_dtype: str
    has_master: bool
    device: str | None
    moment_dtypes: Mapping[str, str]
    steps_before: int | None

    @classmethod
    def read(cls, path: Path) -> Self:
        """That of a file.

        Raises:
            InputError: if the file is no trajectory, or a simulated one.
        """
        with Trajectory(path) as recording:
            return cls.of(recording)

    @classmethod
    def of(cls, recording: Trajectory) -> Self:
        """That of an open recording.

        Raises:
            InputError: if it is the trajectory of a simulation.
        """
        attributes = recording.attributes
        if attributes.get("source") == "simulation":
            raise InputError(f"{recording.path} is a simulation; the law is that of a recorded training.")
        numbers, series = _numbers(attributes), {}
        for name in recording.numbers_of(schema.OPTIMISER):
            found = recording.observable(f"{schema.OPTIMISER}/{name}")
            if name == _UPDATES or (len(found.values) and np.ptp(found.values) > 0):
                series[name] = found
                numbers.pop(name, None)
            elif len(found.values):
                numbers[name] = float(found.values[0])
        updates = series.pop(_UPDATES, None)
        state = recorded_json(attributes, "optimiser_state") or recorded_json(attributes, "optimiser_state_at_start")
        kept = str(attributes.get("state", recording.precision))
        return cls(
            path=recording.path,
            optimiser=str(attributes.get("optimiser", schema.UNKNOWN)),
            first=int(recording.steps[0]),
            numbers=numbers,
            series=series,
            updates=updates,
            options=recorded_json(attributes, "optimiser_options"),
            weight_dtype=str(attributes.get("weight_dtype", recording.precision)),
            has_master="master_dtype" in attributes,
            device=str(attributes["device"]) if "device" in attributes else None,
            moment_dtypes={name: str(state.get(theirs, kept)) for name, theirs in schema.MOMENTS.items()},
            steps_before=_steps_before(attributes),
        )

    @property
    def on_cpu(self) -> bool:
        """Whether the matrix was on a CPU."""
        return self.device in (None, "cpu")

    @property
    def implementation(self) -> str:
        """PyTorch's implementation: `single`, which is the default on a CPU, `foreach`, elsewhere, or `fused`."""
        if not self.on_cpu and self.options.get("foreach", False) is None and not self.options.get("fused"):
            return "foreach"
        return next((name for name in ("fused", "foreach") if self.options.get(name)), "single")

    def number(self, name: str, step: int) -> float:
        """A constant at the update of a step.

        Raises:
            InputError: if it is not recorded there.
        """
        if name in self.series:
            return float(self.series[name].values[self._index(self.series[name], name, step)])
        if name not in self.numbers:
            raise InputError(f"{self.path}: {_words(name)} is not recorded; give a number.", parameter=name)
        return self.numbers[name]

    def betas(self, step: int) -> tuple[float, ...]:
        """Both betas at the update of a step.

        Raises:
            InputError: if they are not recorded there.
        """
        return tuple(self.number(beta, step) for beta in _BETAS)

    def updates_at(self, step: int) -> int:
        """How many updates a step made: 0 where a loss scaler skipped it.

        Raises:
            InputError: if that is not recorded.
        """
        if self.updates is None:
            return 1
        return int(self.updates.values[self._index(self.updates, _UPDATES, step)])

    def require_steps(self, start: int, stop: int) -> None:
        """Refuses steps that are not recorded, or that made several updates.

        Raises:
            InputError: naming the first such step.
        """
        wanted = np.arange(start, stop)
        if self.updates is not None:
            self._require(self.updates, _UPDATES, wanted)
            within = (self.updates.steps >= start) & (self.updates.steps < stop)
            several = self.updates.steps[within & (self.updates.values > 1)]
            wanted = self.updates.steps[within & (self.updates.values > 0)]
            if len(several):
                raise InputError(
                    f"{self.path}: step {several[0]} of the training made several updates, with one field between "
                    "them; record every update (one `recorder.step()` each)."
                )
        for name, series in self.series.items():
            self._require(series, name, wanted)

    def strongest(self, name: str) -> int:
        """The step at which a constant was greatest."""
        if name not in self.series:
            return self.first_update
        return int(self.series[name].steps[int(np.argmax(self.series[name].values))])

    def state_at(self, gas: Gas, moments: tuple[str, ...]) -> tuple[dict[str, NDArray[np.float32]], int]:
        """The moments (n, D) of the rows of a gas at its step, and the number of updates before.

        Raises:
            InputError: if they are not recorded, and not zero.
        """
        count = self._updates_before(gas.step)
        if count == 0:
            return {name: np.zeros(gas.positions.shape, np.float32) for name in moments}, 0
        remedy = (
            "Start at a step before the first update, record with moments=True, or set dynamics.initial_moments: zero."
        )
        if count is None:
            raise InputError(f"{self.path}: how many updates were made before step {gas.step} is not known. {remedy}")
        with Trajectory(self.path) as recording:
            rows = self._rows(recording, gas)
            try:
                found = {name: recording.moment_at(name, gas.step)[rows] for name in moments}
            except InputError as error:
                text = f"{error.message} The optimiser had made {count} updates before. {remedy}"
                raise InputError(text, parameter="initial_moments") from None
        return found, count

    def _rows(self, recording: Trajectory, gas: Gas) -> list[int]:
        place = {int(token): row for row, token in enumerate(recording.token_ids) if token >= 0}
        lacking = [int(token) for token in gas.token_ids if int(token) not in place]
        if lacking:
            text = f"{self.path}: {len(lacking)} of the {gas.count} rows are not among those recorded: no moments."
            raise InputError(text, parameter="initial_moments")
        return [place[int(token)] for token in gas.token_ids]

    def _updates_before(self, step: int) -> int | None:
        if self.steps_before is None:
            return None
        if self.updates is None:
            return self.steps_before + max(step - self.first, 0)
        return self.steps_before + int(self.updates.values[self.updates.steps < step].sum())

    def _require(self, series: Series, name: str, wanted: NDArray[np.int64]) -> None:
        missing = wanted[~np.isin(wanted, series.steps)]
        if len(missing):
            self._index(series, name, int(missing[0]))

    def _index(self, series: Series, name: str, step: int) -> int:
        place = int(np.searchsorted(series.steps, step))
        if place < len(series.steps) and series.steps[place] == step:
            return place
        raise InputError(
            f"{self.path}: {_words(name)} at step {step} is not recorded ({len(series.steps)} steps, "
            f"{series.steps[0]} to {series.steps[-1]}). Run fewer steps, or give it as a schedule."
        )

    @cached_property
    def first_update(self) -> int:
        """The first step that made an update."""
        if self.updates is None or not np.any(self.updates.values > 0):
            return self.first
        return int(self.updates.steps[int(np.argmax(self.updates.values > 0))])

    def changes(self, name: str) -> bool:
        """Whether a constant differs between updates."""
        return any(each in self.series for each in (_BETAS if name == "betas" else (name,)))

    @cached_property
    def varies(self) -> bool:
        """Whether anything differs from update to update."""
        return bool(self.series) or (self.updates is not None and bool(np.any(self.updates.values != 1)))


def read_training_law(name: str, find: Callable[[str], Path]) -> TrainingLaw:
    """The law in a data file of a scenario.

    Raises:
        InputError: if there is no such recording, or it holds no law.
    """
    law = TrainingLaw.read(find(name))
    if law.optimiser == schema.UNKNOWN:
        raise InputError(
            f"{law.path}: the optimiser of the training is not recorded (Recorder(..., optimizer=...) records it); "
            "give its constants.",
            parameter="from",
        )
    return law


def not_modelled(options: Mapping[str, Any], followed: Container[str]) -> Iterator[str]:
    """The options of a training that change its law, and that dynamics do not follow: neither taken from the recording
    nor stated."""
    for name in ("amsgrad", "maximize", "nesterov"):
        if options.get(name) and name not in followed:
            yield name


def recorded_json(attributes: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A mapping kept as JSON; empty if it is missing or damaged."""
    return object_of(attributes.get(name))


def _numbers(attributes: Mapping[str, Any]) -> dict[str, float]:
    """The constants among the attributes of a file."""
    names = ("learning_rate", "epsilon", "weight_decay", "momentum", "dampening")
    found = {name: attributes[name] for name in names if name in attributes}
    betas = attributes.get("betas")
    if betas is not None and not isinstance(betas, str) and np.size(betas) == len(_BETAS):
        found |= dict(zip(_BETAS, np.asarray(betas).tolist(), strict=True))
    return {name: float(value) for name, value in found.items() if not isinstance(value, str | bytes)}


def _steps_before(attributes: Mapping[str, Any]) -> int | None:
    if "optimiser_step" in attributes:
        return int(attributes["optimiser_step"])
    if not recorded_json(attributes, "optimiser_state_at_start"):
        return 0
    return 1 if attributes.get("optimiser") == "sgd" else None  # its law asks only whether an update is the first


def _words(name: str) -> str:
    return {"updates": "whether there was an update"}.get(name, f"the {name.replace('_', ' ')}")
