"""The layout of a recording in its file, and the writing of its steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.gas import Gas
from gasfield.recording.async_copy import AsyncCopy
from gasfield.recording.cadence import Cadence
from gasfield.recording.field import ExactField, FieldAtStep
from gasfield.recording.law import LawAtUpdate
from gasfield.recording.law_log import LawLog
from gasfield.recording.rows import Rows
from gasfield.trajectory import TrajectoryWriter, schema
from gasfield.trajectory.field import pack_symmetric
from gasfield.trajectory.projection import keep_mantissa

_HESSIAN_BITS = 10
"""Mantissa bits of a stored tidal matrix: 5e-4 of a term in an expansion that is itself good to about 1e-2."""


@dataclass
class StepRecord:
    """The data of one step.

    Attributes:
        step: number of updates before this one.
        loss: loss of the step.
        news: attributes of the file that became known.
        parts: of live rows, by name: (n, D) parts of their gradients, the errors of their sum, (n,) counts.
        field: the field that drove the update.
        gradients: (n, D) gradients of the rows of which they are kept.
        law: the options of the optimiser at the update.
        after: the kept parts of the state after `step + 1` updates, or of the initial state.
    """

    step: int
    loss: float | AsyncCopy | None = None
    news: dict[str, Any] = field(default_factory=dict)
    parts: Mapping[str, AsyncCopy] = field(default_factory=dict)
    field: FieldAtStep | None = None
    gradients: AsyncCopy | None = None
    law: LawAtUpdate | None = None
    after: State | None = None


@dataclass
class State:
    """The matrix after a number of updates.

    Attributes:
        step: number of updates.
        rows: (N, D) the followed rows, if a frame is due.
        dead: (M, D) all dead rows, if they are observed.
        dead_moments: means (D,) of the moments of all dead rows, by name.
        moments: (N, D) moments of the followed rows, by name.
    """

    step: int
    rows: AsyncCopy | None = None
    dead: AsyncCopy | None = None
    dead_moments: Mapping[str, AsyncCopy] = field(default_factory=dict)
    moments: Mapping[str, AsyncCopy] = field(default_factory=dict)


class Layout:
    """Maps the parts of a recording to places in its file.

    Attributes:
        left_out: steps whose exact field did not fit.
    """

    def __init__(
        self,
        cadence: Cadence,
        rows: Rows,
        gradients_of: str | None,
        hidden_bits: int,
        survey_bits: int,
        parts_of: str | None = None,
    ) -> None:
        """Defines the content of the file.

        Args:
            cadence: the steps at which each part is written.
            rows: the followed rows.
            gradients_of: the group whose gradients are kept; "" for all rows, None for none.
            hidden_bits: mantissa bits of the hidden states.
            survey_bits: mantissa bits of the survey.
            parts_of: the group of the live rows whose counts or parts are kept; None for none.
        """
        self._parts_of = parts_of
        self._cadence, self._rows = cadence, rows
        self._gradients_of = gradients_of
        self._hidden_bits, self._survey_bits = hidden_bits, survey_bits
        self._before: tuple[int, NDArray[Any]] | None = None
        self._last_motion = np.zeros(len(rows.dead), np.int64)
        self._law = LawLog()
        self._begun: set[str] = set()
        self._room = 0
        self.left_out: list[int] = []

    def open(self, path: Path, gas: Gas, precision: str, provenance: Mapping[str, Any]) -> TrajectoryWriter:
        """Creates the file.

        Raises:
            OSError: if it cannot be created.
        """
        writer = TrajectoryWriter(path, gas, precision=precision, provenance=provenance)
        rows, dimensions = self._rows, gas.dimensions
        if self._gradients_of is not None:
            members = rows.members(self._gradients_of) if self._gradients_of else np.arange(gas.count)
            if self._gradients_of:
                writer.subset(self._gradients_place, members, rows.ids[members])
            writer.element(f"{self._gradients_place}/{schema.GRADIENT}", (len(members), dimensions), "f4")
        if self._parts_of is not None and self._parts_of != self._gradients_of:
            members = rows.members(self._parts_of)
            writer.subset(f"{schema.VECTORS}_{self._parts_of}", members, rows.ids[members])
        if len(rows.dead) and self._cadence.survey_steps:
            shape = (len(rows.dead), dimensions)
            writer.subset(schema.SURVEY, np.arange(len(rows.dead)), rows.dead)
            writer.element(f"{schema.SURVEY}/{schema.POSITION}", shape, "f4", chunks=(1, *shape))
            writer.describe(f"{schema.SURVEY}/{schema.POSITION}", mantissa_bits=self._survey_bits)
            writer.element(f"{schema.SURVEY}/{schema.LAST_MOTION}", shape[:1], "i8", chunks=(1, *shape[:1]))
        if self._cadence.field != "none":
            self._lay_out_field(writer, dimensions)
        return writer

    def _lay_out_field(self, writer: TrajectoryWriter, dimensions: int) -> None:
        packed = dimensions * (dimensions + 1) // 2
        writer.element(f"{schema.AFFINE}/reference", (dimensions,), "f4")
        writer.element(f"{schema.AFFINE}/gradient", (dimensions,), "f4")
        writer.element(f"{schema.AFFINE}/tidal", (packed,), "f4", chunks=(max(1, min(32, (1 << 20) // packed)), packed))
        writer.element(f"{schema.AFFINE}/potential", (), "f8")
        writer.describe(f"{schema.AFFINE}/tidal", packing="upper triangle, row by row", mantissa_bits=_HESSIAN_BITS)

    @property
    def _gradients_place(self) -> str:
        return f"{schema.VECTORS}_{self._gradients_of}" if self._gradients_of else schema.VECTORS

    # ------------------------------------------------------------------------------------------------------ a step

    def write(self, writer: TrajectoryWriter, record: StepRecord) -> None:
        """Writes a step; called by one thread, in order."""
        step = record.step
        if record.loss is not None:
            loss = record.loss if isinstance(record.loss, float) else float(record.loss.array())
            writer.observe("loss", step, step, loss)
        if record.field is not None:
            self._write_field(writer, step, record.field)
        if record.gradients is not None:
            place = f"{self._gradients_place}/{schema.GRADIENT}"
            writer.append(place, step, step, record.gradients.array())
        for name, part in record.parts.items():
            self._write_part(writer, step, name, part.array())
        if record.news:
            writer.describe(schema.PROVENANCE, **record.news)
        if record.law is not None:
            self._law.write(writer, step, record.law)
        if record.after is not None:
            self._write_state(writer, record.after)

    def _write_state(self, writer: TrajectoryWriter, state: State) -> None:
        step = state.step
        if state.rows is not None:
            writer.frame(step, step, state.rows.array())
        for name, values in state.moments.items():
            self._append(writer, step, f"{schema.VECTORS}/{name}", values.array())
        for name, values in state.dead_moments.items():
            writer.observe(f"dead/{name}", step, step, values.array())
        if state.dead is not None:
            self._observe(writer, step, state.dead.array())

    def _write_part(self, writer: TrajectoryWriter, step: int, name: str, values: NDArray[Any]) -> None:
        if name in (schema.PARTS_ERROR, schema.PARTS_ROUNDING):
            writer.observe(name, step, step, float(values))
        else:
            self._append(writer, step, f"{schema.VECTORS}_{self._parts_of}/{name}", values)

    def _append(self, writer: TrajectoryWriter, step: int, place: str, values: NDArray[Any]) -> None:
        """Appends to an element that begins with its first value."""
        if place not in self._begun:
            self._begun.add(place)
            writer.element(place, values.shape, "i8" if values.dtype.kind == "i" else "f4")
        writer.append(place, step, step, values)

    def _observe(self, writer: TrajectoryWriter, step: int, dead: NDArray[Any]) -> None:
        """Writes statistics of all dead rows, and their positions if a survey is due."""
        observe = writer.observe
        centroid = dead.mean(axis=0, dtype=np.float64)
        observe("dead/centroid", step, step, centroid)
        observe("dead/radius", step, step, _mean_length(dead - centroid.astype(dead.dtype)))
        if self._before is not None:
            last, positions = self._before
            moved = np.any(dead != positions, axis=1)
            self._last_motion[moved] = step
            if last == step - 1:
                observe("dead/unmoved", step, step, 1.0 - float(moved.mean()))
                observe("dead/step_length", step, step, _mean_length(dead - positions))
        self._before = step, dead
        if self._cadence.is_survey(step):
            place = f"{schema.SURVEY}/{schema.POSITION}"
            writer.append(place, step, step, keep_mantissa(dead, self._survey_bits))
            writer.append(f"{schema.SURVEY}/{schema.LAST_MOTION}", step, step, self._last_motion)

    def _write_field(self, writer: TrajectoryWriter, step: int, field: FieldAtStep) -> None:
        append = writer.append
        append(f"{schema.AFFINE}/reference", step, step, field.reference.array())
        append(f"{schema.AFFINE}/gradient", step, step, field.gradient.array())
        append(f"{schema.AFFINE}/potential", step, step, field.potential.array())
        hessian = pack_symmetric(field.hessian.array())
        append(f"{schema.AFFINE}/tidal", step, step, keep_mantissa(hessian, _HESSIAN_BITS))
        writer.observe("mean_hidden_state", step, step, field.mean_hidden.array())
        writer.observe("gradient_factor", step, step, float(field.factor.array()))
        writer.observe("field_error", step, step, float(field.error.array()))
        if field.exact is not None:
            self._write_exact(writer, step, field.exact)

    def _write_exact(self, writer: TrajectoryWriter, step: int, exact: ExactField) -> None:
        hidden, gradient = exact.hidden.array(), exact.gradient.array()
        moves = self._cadence.every > 1  # otherwise the frames hold the positions of the rows
        if not self._room:
            self._room = len(hidden)
            self._lay_out_exact(writer, hidden.shape, gradient.shape, moves)
        if len(hidden) > self._room:  # a batch with more positions than the first does not fit
            self.left_out.append(step)
            return
        parts = {"hidden": keep_mantissa(hidden, self._hidden_bits)}
        parts |= {"log_partition": exact.log_partition.array(), "weight": exact.weight.array()}
        for name, values in parts.items():
            room = np.zeros(
                (self._room, *values.shape[1:]), values.dtype
            )  # positions without weight contribute nothing
            room[: len(values)] = values
            writer.append(f"{schema.FULL}/{name}", step, step, room)
        writer.append(f"{schema.FULL}/gradient", step, step, gradient)
        if moves:
            writer.append(f"{schema.FULL}/position", step, step, exact.position.array())

    def _lay_out_exact(
        self, writer: TrajectoryWriter, hidden: tuple[int, ...], rows: tuple[int, ...], moves: bool
    ) -> None:
        batch = hidden[0]
        writer.element(f"{schema.FULL}/hidden", hidden, "f4", chunks=(1, *hidden))
        writer.describe(f"{schema.FULL}/hidden", mantissa_bits=self._hidden_bits)
        writer.element(f"{schema.FULL}/log_partition", (batch,), "f4", chunks=(1, batch))
        writer.element(f"{schema.FULL}/weight", (batch,), "f8", chunks=(1, batch))
        writer.element(f"{schema.FULL}/gradient", rows, "f4", chunks=(1, *rows))
        if moves:
            writer.element(f"{schema.FULL}/position", rows, "f4", chunks=(1, *rows))


def _mean_length(vectors: NDArray[Any]) -> float:
    return float(np.sqrt(np.einsum("ij,ij->i", vectors, vectors)).mean(dtype=np.float64))
