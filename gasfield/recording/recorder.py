"""Writes a training run into a trajectory: chosen rows at every step, all dead rows at a few, and the field."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.recording.corpus import Corpus
from gasfield.recording.training import Moment, Training, TrainingPlan
from gasfield.spec import Spec
from gasfield.streams import Stream, generator
from gasfield.tracers import Planting, Tracer, plant
from gasfield.trajectory import TrajectoryWriter, schema
from gasfield.trajectory.field import pack_symmetric
from gasfield.trajectory.writer import keep_mantissa

_TIDAL_BITS = 10
"""Mantissa bits of a stored tidal matrix: 5e-4 of a term in an expansion that is itself good to about 1e-2."""


Step = Annotated[int, Field(ge=0)]
MantissaBits = Annotated[int, Field(ge=7, le=23)]


class RecordingPlan(Spec):
    """What is kept of a training run."""

    dead_rows: Annotated[int, Field(ge=1)] = 64
    live_rows: Annotated[int, Field(ge=1)] = 32
    tracers: tuple[Tracer, ...] = ()
    every: Annotated[int, Field(ge=1)] = 1
    """Steps between two recorded frames."""
    field: Literal["affine", "full", "none"] = "affine"
    """`affine` at every step (and `full` at `full_steps` of them), `full` at every step as well, or none."""
    full_steps: Step | tuple[Step, ...] = 20
    """How many steps keep the exact field beside the affine one, spread logarithmically; or which."""
    survey_steps: Annotated[int, Field(ge=0)] = 12
    hidden_bits: MantissaBits = 23
    """Mantissa bits kept of the hidden states; 23 is all of float32, and bfloat16 needs 7."""
    survey_bits: MantissaBits = 23
    """Mantissa bits kept of the survey of all dead rows."""


def spread_steps(count: int, last: int) -> list[int]:
    """`count` different steps from 0 to `last`, both included, spread logarithmically (all, if there are fewer)."""
    count = min(count, last + 1)
    spread: list[int] = []
    for i, target in enumerate(np.geomspace(1, last + 1, count) - 1 if count > 1 else [0.0] * count):
        latest = last - (count - 1 - i)
        spread.append(min(latest, max(round(float(target)), spread[-1] + 1 if spread else 0)))
    return spread


def _full_steps(plan: RecordingPlan, steps: int) -> frozenset[int]:
    """The training steps at which the exact field is kept."""
    if plan.field == "none":
        return frozenset()
    if plan.field == "full":
        return frozenset(range(steps))
    chosen = plan.full_steps if isinstance(plan.full_steps, tuple) else spread_steps(plan.full_steps, steps - 1)
    late = [step for step in chosen if step >= steps]
    if late:
        raise InputError(f"--full-steps {late[0]}: the training has the steps 0 to {steps - 1}.")
    return frozenset(chosen)


class Rows:
    """Which rows of the embedding are followed: tracers planted in dead rows, untouched dead rows, live rows."""

    def __init__(self, plan: RecordingPlan, corpus: Corpus, training: Training, seed: int) -> None:
        """Chooses rows and plants the tracers in the model.

        Raises:
            InputError: if there are not enough dead or live rows.
        """
        chance = generator(seed, Stream.ROW_SAMPLE)
        dead, live = chance.permutation(corpus.dead_ids), chance.permutation(corpus.live_ids)
        sizes = [len(tracer.shape.structure().points) for tracer in plan.tracers]
        _check_room(plan, sizes, len(dead), len(live))
        occupied = sum(sizes)
        self.dead = np.sort(dead[occupied:])
        self.live = np.sort(live)
        weights = training.weights.double()
        dimensions = training.weights.shape[1]
        self._places = {
            name: weights[torch.from_numpy(rows)].mean(dim=0).numpy() for name, rows in self._clouds().items()
        }
        plantings = [plant(t, self._places, dimensions, seed, i) for i, t in enumerate(plan.tracers)]
        starts = np.cumsum([0, *sizes])
        groups = {p.name: dead[a:b] for p, a, b in zip(plantings, starts, starts[1:], strict=False)}
        for planting in plantings:
            training.plant(groups[planting.name], planting.positions)
        groups["dead"] = np.sort(dead[occupied : occupied + plan.dead_rows])
        groups["live"] = np.sort(live[: plan.live_rows])
        self.names = list(groups)
        self.ids = np.concatenate(list(groups.values()))
        self.species = np.repeat(np.arange(len(groups)), [len(rows) for rows in groups.values()])
        self.bonds = _number_bonds(plantings, starts)

    def _clouds(self) -> dict[str, NDArray[np.int64]]:
        return {"dead": self.dead, "live": self.live}


def _check_room(plan: RecordingPlan, sizes: list[int], dead: int, live: int) -> None:
    names = [tracer.name for tracer in plan.tracers]
    if len(set(names)) < len(names) or {"dead", "live"} & set(names):
        raise InputError(
            f"tracers: names must differ from each other and from 'dead' and 'live'; they are {', '.join(names)}."
        )
    if sum(sizes) + 2 > dead:
        raise InputError(
            f"tracers: {' + '.join(map(str, sizes))} tracer points need as many dead rows and two more; "
            f"this text leaves only {dead}. Take a smaller lattice or more --dead rows."
        )
    if sum(sizes) + plan.dead_rows > dead:
        raise InputError(
            f"--dead-rows {plan.dead_rows}: this text leaves {dead} dead rows, of which tracers take {sum(sizes)}."
        )
    if plan.live_rows > live:
        raise InputError(f"--live-rows {plan.live_rows}: only {live} tokens occur in this text.")


def _number_bonds(plantings: list[Planting], starts: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    return {p.name: p.bonds + start for p, start in zip(plantings, starts, strict=False)}


class Recorder:
    """Opens the file and takes one `Moment` after the other."""

    def __init__(
        self,
        path: Path,
        plan: RecordingPlan,
        training_plan: TrainingPlan,
        corpus: Corpus,
        rows: Rows,
        training: Training,
        provenance: dict[str, Any],
    ) -> None:
        self._plan = plan
        self._rows = rows
        self._index = torch.from_numpy(rows.ids)
        self._dead, self._live = torch.from_numpy(rows.dead), torch.from_numpy(rows.live)
        steps = training_plan.steps
        self._full_steps = _full_steps(plan, steps)
        self._survey_steps = set(spread_steps(plan.survey_steps, steps))
        self._live_members = np.flatnonzero(rows.species == rows.names.index("live"))
        self._before: torch.Tensor | None = None
        gas = self._describe(corpus, training)
        lattice = "float32" if training_plan.precision == "fp32" else "bfloat16"
        self._writer = TrajectoryWriter(path, gas, precision=lattice, provenance=provenance)
        self._lay_out(training_plan.batch * training_plan.geometry.sequence, gas.dimensions)

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
        if step % self._plan.every == 0:
            self._writer.frame(step, step, moment.weights[self._index].float().numpy())
        if step in self._survey_steps:
            survey = moment.weights[self._dead].float().numpy()
            self._writer.append(
                f"{schema.SURVEY}/{schema.POSITION}", step, step, keep_mantissa(survey, self._plan.survey_bits)
            )
        self._observe(moment)
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
            observe("dead/unmoved", step, step, (dead == self._before).all(dim=1).double().mean().item())
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
