"""Writes a training run into a trajectory: chosen rows at every step, all dead rows at a few, and the field."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.recording.corpus import Corpus
from gasfield.recording.plan import RecordingPlan
from gasfield.recording.rows import Rows
from gasfield.recording.training import Moment, Training
from gasfield.trajectory import TrajectoryWriter, schema
from gasfield.trajectory.field import pack_symmetric
from gasfield.trajectory.projection import keep_mantissa

_TIDAL_BITS = 10
"""Mantissa bits of a stored tidal matrix: 5e-4 of a term in an expansion that is itself good to about 1e-2."""


def spread_steps(count: int, last: int) -> list[int]:
    """`count` different steps from 0 to `last`, both included, spread logarithmically (all, if there are fewer)."""
    count = min(count, last + 1)
    spread: list[int] = []
    for i, target in enumerate(np.geomspace(1, last + 1, count) - 1 if count > 1 else [0.0] * count):
        latest = last - (count - 1 - i)
        spread.append(min(latest, max(round(float(target)), spread[-1] + 1 if spread else 0)))
    return spread


def choose_full_steps(plan: RecordingPlan, steps: int) -> frozenset[int]:
    """The training steps at which the exact field is kept.

    Raises:
        InputError: if the plan names a step that the training does not have.
    """
    if plan.field == "none":
        return frozenset()
    if plan.field == "full":
        return frozenset(range(steps))
    chosen = plan.full_steps if isinstance(plan.full_steps, tuple) else spread_steps(plan.full_steps, steps - 1)
    late = [step for step in chosen if step >= steps]
    if late:
        raise InputError(f"--full-steps {late[0]}: the training has the steps 0 to {steps - 1}.")
    return frozenset(chosen)


class Recorder:
    """Opens the file and takes one `Moment` after the other."""

    def __init__(
        self,
        path: Path,
        plan: RecordingPlan,
        corpus: Corpus,
        rows: Rows,
        training: Training,
        provenance: Mapping[str, Any],
    ) -> None:
        self._plan = plan
        self._rows = rows
        self._index = torch.from_numpy(rows.ids)
        self._dead, self._live = torch.from_numpy(rows.dead), torch.from_numpy(rows.live)
        steps = training.plan.steps
        self._full_steps = choose_full_steps(plan, steps)
        self._survey_steps = set(spread_steps(plan.survey_steps, steps))
        self._live_members = np.flatnonzero(rows.species == rows.names.index("live"))
        self._before: torch.Tensor | None = None
        self._last_motion = np.zeros(len(rows.dead), np.int64)
        gas = self._describe(corpus, training)
        lattice = "float32" if training.plan.precision == "fp32" else "bfloat16"
        self._writer = TrajectoryWriter(path, gas, precision=lattice, provenance=provenance)
        self._lay_out(training.plan.batch * training.plan.geometry.sequence, gas.dimensions)

    def _describe(self, corpus: Corpus, training: Training) -> Gas:
        rows = self._rows
        return Gas(
            positions=training.weights[self._index].float().numpy(),
            species=rows.species,
            names=rows.names,
            token_ids=rows.ids,
            tokens=[corpus.vocabulary[i] for i in rows.ids],
            bonds=rows.bonds,
        )

    def _lay_out(self, batch: int, dimensions: int) -> None:
        writer = self._writer
        writer.subset(schema.LIVE, self._live_members, self._rows.ids[self._live_members])
        writer.element(f"{schema.LIVE}/{schema.GRADIENT}", (len(self._live_members), dimensions), "f4")
        if self._survey_steps:
            writer.subset(schema.SURVEY, np.arange(len(self._rows.dead)), self._rows.dead)
            shape = (len(self._rows.dead), dimensions)
            writer.element(f"{schema.SURVEY}/{schema.POSITION}", shape, "f4", chunks=(1, *shape))
            writer.describe(f"{schema.SURVEY}/{schema.POSITION}", mantissa_bits=self._plan.survey_bits)
            writer.element(f"{schema.SURVEY}/{schema.LAST_MOTION}", shape[:1], "i8", chunks=(1, *shape[:1]))
        if self._plan.field != "none":
            writer.element(f"{schema.AFFINE}/reference", (dimensions,), "f4")
            writer.element(f"{schema.AFFINE}/gradient", (dimensions,), "f4")
            packed = dimensions * (dimensions + 1) // 2
            writer.element(f"{schema.AFFINE}/tidal", (packed,), "f4", chunks=(32, packed))
            writer.element(f"{schema.AFFINE}/potential", (), "f8")
            writer.describe(f"{schema.AFFINE}/tidal", packing="upper triangle, row by row", mantissa_bits=_TIDAL_BITS)
        if self._full_steps:
            count = len(self._rows.ids)
            writer.element(f"{schema.FULL}/hidden", (batch, dimensions), "f4", chunks=(1, batch, dimensions))
            writer.describe(f"{schema.FULL}/hidden", mantissa_bits=self._plan.hidden_bits)
            writer.element(f"{schema.FULL}/log_partition", (batch,), "f4", chunks=(1, batch))
            writer.element(f"{schema.FULL}/weight", (batch,), "f8", chunks=(1, batch))
            writer.element(f"{schema.FULL}/gradient", (count, dimensions), "f4", chunks=(1, count, dimensions))
            if self._plan.every > 1:  # otherwise the frames say where the rows stood
                writer.element(f"{schema.FULL}/position", (count, dimensions), "f4", chunks=(1, count, dimensions))

    def take(self, moment: Moment) -> None:
        """Records one step."""
        step = moment.step
        self._observe(moment)
        if step % self._plan.every == 0:
            self._writer.frame(step, step, moment.weights[self._index].float().numpy())
        if step in self._survey_steps:
            survey = moment.weights[self._dead].float().numpy()
            self._writer.append(
                f"{schema.SURVEY}/{schema.POSITION}", step, step, keep_mantissa(survey, self._plan.survey_bits)
            )
            self._writer.append(f"{schema.SURVEY}/{schema.LAST_MOTION}", step, step, self._last_motion)
        if moment.gradient is not None and step % self._plan.every == 0:
            live = moment.gradient[self._index[self._live_members]].float().numpy()
            self._writer.append(f"{schema.LIVE}/{schema.GRADIENT}", step, step, live)
        if moment.hidden is not None and self._plan.field != "none":
            self._keep_field(moment)

    def _observe(self, moment: Moment) -> None:
        observe, step = self._writer.observe, moment.step
        for name, index in (("dead", self._dead), ("live", self._live)):
            cloud = moment.weights[index].double()
            centroid = cloud.mean(dim=0)
            observe(f"{name}/centroid", step, step, centroid.numpy())
            observe(f"{name}/radius", step, step, (cloud - centroid).norm(dim=1).mean().item())
        for order, values in zip(("first", "second"), moment.moments or (), strict=False):
            observe(f"dead/{order}_moment", step, step, values[self._dead].double().mean(dim=0).numpy())
        dead = moment.weights[self._dead]
        if self._before is not None:
            moved = (dead != self._before).any(dim=1).numpy()
            self._last_motion[moved] = step
            observe("dead/unmoved", step, step, 1.0 - float(moved.mean()))
            observe("dead/step_length", step, step, (dead.double() - self._before.double()).norm(dim=1).mean().item())
        self._before = dead.clone()
        if moment.loss is not None and moment.hidden is not None:
            observe("loss", step, step, moment.loss)
            observe("mean_hidden_state", step, step, moment.hidden.double().mean(dim=0).numpy())

    def _keep_field(self, moment: Moment) -> None:
        assert moment.hidden is not None
        assert moment.log_partition is not None
        assert moment.gradient is not None
        step, append = moment.step, self._writer.append
        hidden = moment.hidden.double().numpy()
        weight = np.full(len(hidden), 1.0 / len(hidden))
        reference = moment.weights[self._dead].double().mean(dim=0).numpy().astype("f4").astype("f8")
        share = weight * np.exp(hidden @ reference - moment.log_partition.double().numpy())
        append(f"{schema.AFFINE}/reference", step, step, reference)
        append(f"{schema.AFFINE}/gradient", step, step, share @ hidden)
        append(f"{schema.AFFINE}/potential", step, step, share.sum())
        tidal = pack_symmetric((hidden * share[:, None]).T @ hidden)
        append(f"{schema.AFFINE}/tidal", step, step, keep_mantissa(tidal, _TIDAL_BITS))
        if step in self._full_steps:
            append(f"{schema.FULL}/hidden", step, step, keep_mantissa(hidden, self._plan.hidden_bits))
            append(f"{schema.FULL}/log_partition", step, step, moment.log_partition.numpy())
            append(f"{schema.FULL}/weight", step, step, weight)
            append(f"{schema.FULL}/gradient", step, step, moment.gradient[self._index].float().numpy())
            if self._plan.every > 1:
                append(f"{schema.FULL}/position", step, step, moment.weights[self._index].float().numpy())

    def close(self) -> None:
        """Finishes the file."""
        self._writer.close()
