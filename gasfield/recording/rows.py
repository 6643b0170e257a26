"""Which rows of an embedding a recording follows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gasfield.catalogue import find_file
from gasfield.errors import InputError
from gasfield.recording.corpus import Corpus
from gasfield.recording.plan import RecordingPlan
from gasfield.recording.training import Training
from gasfield.streams import Stream, generator
from gasfield.tracers import Present, Soil, plant, structure_of


@dataclass(frozen=True)
class Rows:
    """Rows of the embedding, group by group: tracers planted in dead rows, then dead and live rows chosen by seed.

    Attributes:
        names: the groups.
        species: (N,) index into `names`.
        ids: (N,) token ids.
        bonds: tracer name -> (B, 2) pairs of places in `ids`.
        dead: ids of all dead rows that are no tracers.
        live: ids of all live rows.
    """

    names: list[str]
    species: NDArray[np.int64]
    ids: NDArray[np.int64]
    bonds: dict[str, NDArray[np.int64]]
    dead: NDArray[np.int64]
    live: NDArray[np.int64]


def choose_rows(plan: RecordingPlan, corpus: Corpus, training: Training) -> Rows:
    """Chooses rows by the seed of the training, and plants the tracers in its model.

    Raises:
        InputError: if there are not enough dead or live rows, or a tracer does not fit.
    """
    seed = training.plan.seed
    chance = generator(seed, Stream.ROW_SAMPLE)
    dead, live = chance.permutation(corpus.dead_ids), chance.permutation(corpus.live_ids)
    sizes = [len(structure_of(tracer.shape, _found).points) for tracer in plan.tracers]
    _check_room(plan, sizes, len(dead), len(live))
    starts = np.cumsum([0, *sizes])
    untouched = dead[starts[-1] :]
    present = {"dead": _present(training, np.sort(untouched)), "live": _present(training, np.sort(live))}
    soil = Soil(present, training.weights.shape[1], seed, _found)
    groups, bonds = {}, {}
    for index, (tracer, start, size) in enumerate(zip(plan.tracers, starts, sizes, strict=False)):
        planting = plant(tracer, soil, index)
        groups[tracer.name] = dead[start : start + size]
        bonds[tracer.name] = planting.bonds + start
        training.plant(groups[tracer.name], planting.positions)
    groups["dead"] = np.sort(untouched[: plan.dead_rows])
    groups["live"] = np.sort(live[: plan.live_rows])
    return Rows(
        names=list(groups),
        species=np.repeat(np.arange(len(groups)), [len(rows) for rows in groups.values()]),
        ids=np.concatenate(list(groups.values())),
        bonds=bonds,
        dead=np.sort(untouched),
        live=np.sort(live),
    )


def _present(training: Training, rows: NDArray[np.int64]) -> Present:
    return Present(training.weights[torch.from_numpy(rows)].double().numpy(), rows)


def _found(name: str) -> Path:
    path = find_file(name)
    if path is None:
        raise InputError(f"tracers: there is no file '{name}'.")
    return path


def _check_room(plan: RecordingPlan, sizes: list[int], dead: int, live: int) -> None:
    names = [tracer.name for tracer in plan.tracers]
    if len(set(names)) < len(names) or {"dead", "live"} & set(names):
        raise InputError(
            f"tracers: names must differ from each other and from 'dead' and 'live'; they are {', '.join(names)}."
        )
    late = [tracer.name for tracer in plan.tracers if tracer.plant_at]
    if late:
        raise InputError(f"tracers: {', '.join(late)}: a recorder plants before training; take plant_at out.")
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
