"""What a recorded training has besides its frames: a survey of all dead rows, live rows, moments, and the field."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gasfield.closing import Closing
from gasfield.errors import InputError
from gasfield.trajectory import schema
from gasfield.trajectory.content import INTEGER, Content, Series
from gasfield.trajectory.field import AffineField, FullField
from gasfield.trajectory.frames import Frames


class RecordOfTraining(Closing):
    """The part of a trajectory that only recordings of trainings have; `Trajectory` has the rest.

    Attributes:
        path: the file.
        names: its groups.
    """

    path: Path
    names: list[str]
    _content: Content
    _positions: Frames

    @property
    @abstractmethod
    def dimensions(self) -> int:
        """D."""

    @property
    @abstractmethod
    def count(self) -> int:
        """N."""

    @abstractmethod
    def members(self, name: str) -> NDArray[np.int64]:
        """Rows of a group."""

    @property
    def has_survey(self) -> bool:
        """Whether all dead rows were recorded at some steps."""
        return schema.SURVEY in self._content

    def survey(self) -> Series:
        """All dead rows at the steps of the survey: values (S, N_dead, D)."""
        return self._content.series(f"{schema.SURVEY}/{schema.POSITION}", len(self.survey_ids), self.dimensions)

    def survey_frames(self) -> Frames:
        """The same, read on demand while the file is open."""
        return self._content.frames(f"{schema.SURVEY}/{schema.POSITION}", len(self.survey_ids), self.dimensions)

    def last_motion(self) -> Series:
        """The last step in which any bit of a row of the survey changed, 0 if none did: values (S, N_dead), at the
        steps of the survey.

        Raises:
            InputError: if it was not recorded, as in older recordings.
        """
        place = f"{schema.SURVEY}/{schema.LAST_MOTION}"
        if place not in self._content:
            raise InputError(f"{self.path}: no data set {place}.")
        rows = self._content.array(f"{schema.SURVEY}/id", INTEGER, None)
        return self._content.series(place, len(rows))

    @property
    def survey_ids(self) -> NDArray[np.int64]:
        """Token ids of the rows of the survey (N_dead,)."""
        return self._content.array(f"{schema.SURVEY}/token_id", INTEGER, None).astype(np.int64, copy=False)

    def live_gradients(self) -> Series:
        """Gradients of the live rows in training, in the order of `members("live")`: values (T, n, D)."""
        return self._content.series(f"{schema.LIVE}/{schema.GRADIENT}", self._live_rows, self.dimensions)

    def moment_at(self, name: str, step: int) -> NDArray[np.float32]:
        """(N, D) a moment of the optimiser (`first_moment`, `second_moment`, `momentum`) before the update at a step.

        Raises:
            InputError: if it was not recorded there.
        """
        place = f"{schema.VECTORS}/{name}"
        found = np.empty(0, np.int64)
        if place in self._content:
            frames = self._content.frames(place, self.count, self.dimensions)
            found = np.flatnonzero(frames.steps == step)
        if not len(found):
            raise InputError(f"{self.path}: the {name.replace('_', ' ')} at step {step} is not recorded.")
        return np.asarray(frames[int(found[0])], np.float32)

    def live_part(self, name: str) -> Series:
        """A part of the gradients of the live rows (`push`, `pull`, `input`), in the order of `members("live")`, scaled
        as the optimiser received it: values (T, n, D).

        Raises:
            InputError: if it was not recorded.
        """
        return self._content.series(f"{schema.LIVE}/{name}", self._live_rows, self.dimensions)

    def live_count(self, name: str) -> Series:
        """How often each live row was a target (`targets`), or an input of a tied matrix (`inputs`), in each step, in
        the order of `members("live")`: values (T, n).

        Raises:
            InputError: if it was not recorded.
        """
        counts = self._content.frames(f"{schema.LIVE}/{name}", self._live_rows, kinds=INTEGER)
        self._content.check_memory(counts.nbytes, f"{schema.LIVE}/{name}")
        return Series(counts.steps, counts.times, counts.read())

    @property
    def _live_rows(self) -> int | None:
        """Number of rows of the group `live`; None without it."""
        return len(self.members("live")) if "live" in self.names else None

    @property
    def counts_live_rows(self) -> bool:
        """Whether it was recorded how often live rows occur."""
        return all(f"{schema.LIVE}/{name}" in self._content for name in schema.COUNTS)

    @property
    def has_parts(self) -> bool:
        """Whether the gradients of live rows were recorded as a whole and in parts."""
        return all(f"{schema.LIVE}/{name}" in self._content for name in (schema.GRADIENT, *schema.PARTS))

    @property
    def fields(self) -> list[str]:
        """The stored forms of the field: "affine", "full"."""
        return [kind for kind, place in (("affine", schema.AFFINE), ("full", schema.FULL)) if place in self._content]

    def field_steps(self, form: str) -> NDArray[np.int64]:
        """The training steps at which a form of the field ("affine", "full") is stored, ascending; none if it is not
        there. The field itself is not read."""
        if form not in self.fields:
            return np.empty(0, np.int64)
        part = {"affine": f"{schema.AFFINE}/tidal", "full": f"{schema.FULL}/gradient"}[form]
        shape = self._content.dataset(f"{part}/value").shape[1:]
        return np.asarray(self._content.frames(part, *shape).steps)

    def affine_field(self) -> AffineField:
        """The affine field at every recorded step.

        Raises:
            InputError: if the file has none.
        """
        place = self._field_group("affine", schema.AFFINE)
        d = self.dimensions
        parts = {
            "reference": self._content.series(f"{place}/reference", d),
            "gradient": self._content.series(f"{place}/gradient", d),
            "hessian": self._content.series(f"{place}/tidal", d * (d + 1) // 2),
            "potential": self._content.series(f"{place}/potential"),
        }
        count = min(len(part.steps) for part in parts.values())
        steps = parts["hessian"].steps[:count]
        if any(np.any(part.steps[:count] != steps) for part in parts.values()):
            raise InputError(f"{self.path}: {place}: its parts have different steps.")
        return AffineField(
            steps=steps,
            origin=f"{self.path}: {place}",
            **{name: part.values[:count] for name, part in parts.items()},
        )

    def full_field(self) -> FullField:
        """The exact field at the steps at which it was recorded; snapshots are read on demand while the file is open.

        Raises:
            InputError: if the file has none.
        """
        place = self._field_group("full", schema.FULL)
        hidden = self._content.frames(f"{place}/hidden", None, self.dimensions)
        log_partition, weight = (
            self._content.frames(f"{place}/{name}", hidden.shape[1]) for name in ("log_partition", "weight")
        )
        has_own = f"{place}/{schema.POSITION}" in self._content
        position = (
            self._content.frames(f"{place}/{schema.POSITION}", None, self.dimensions) if has_own else self._positions
        )
        gradient = self._content.frames(f"{place}/gradient", *position.shape[1:])
        count = min(len(hidden), len(log_partition), len(weight), len(gradient))
        if any(np.any(part.steps[:count] != gradient.steps[:count]) for part in (hidden, log_partition, weight)):
            raise InputError(f"{self.path}: {place}: its parts have different steps.")
        return FullField(
            steps=gradient.steps[:count],
            origin=f"{self.path}: {place}",
            hidden=hidden,
            log_partition=log_partition,
            weight=weight,
            gradient=gradient,
            position=position,
            position_steps=position.steps,
        )

    def _field_group(self, kind: str, place: str) -> str:
        if place not in self._content:
            others = ", ".join(self.fields) or "none"
            raise InputError(
                f"{self.path}: no data set {place}: this file has no {kind} field (fields here: {others}). "
                "Record one with `gasfield record`."
            )
        return place
