"""Tracers of a trace: planted among the states of texts in front of a layer, and taken along as the texts are computed.

Each structure has a host, the token at which it is planted, and a copy of that token without offset, which shows how
exactly the tracers follow (`passive.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gasfield.errors import InputError, about
from gasfield.gas import Gas
from gasfield.resources import find_file
from gasfield.streams import require_seed
from gasfield.tracers import GroupSnapshot, PlacementContext, Tracer, place_of_token, plant, structure_of
from gasfield.tracing.families import Block, Transformer
from gasfield.tracing.passive import Reading, in_blocks, reading, require_obedient

Array = NDArray[np.float32]

LARGEST_ERROR = 1e-4
"""How far a tracer without offset may be from its host, relative to the length of the state."""


@dataclass(frozen=True)
class Planting:
    """One structure at one token of one text.

    Attributes:
        name: of its group.
        tracer: its specification.
        number: of the specification, which selects its random numbers.
        text: name of the text.
        host: the token.
        step: at which it is planted.
        rows: of its particles among all tracers.
        bonds: (B, 2) among its particles.
    """

    name: str
    tracer: Tracer
    number: int
    text: str
    host: int
    step: int
    rows: slice
    bonds: NDArray[np.int64]


class TracersInTexts:
    """All structures of a trace, and where they are.

    Attributes:
        plantings: one for each structure.
        error: largest distance so far of a tracer without offset from its host, relative to the length of the state.
    """

    def __init__(
        self, tracers: Sequence[Tracer], model: Transformer, lengths: Mapping[str, int], *, seed: int = 0
    ) -> None:
        """Checks that all of them can be planted.

        Args:
            tracers: the specifications. Without the name of a text, a structure is planted in each; the name of the
                text is then part of its own if there are several.
            model: the transformer.
            lengths: number of tokens of each text.
            seed: of random frames and jitter.

        Raises:
            InputError: if a name is taken, a text, token or layer is not there, or something is asked for that a
                tracer of a text has not.
        """
        self._model, self._seed = model, require_seed(seed)
        self.plantings: list[Planting] = []
        self.error = 0.0
        if tracers:
            require_obedient(model)
        for number, tracer in enumerate(tracers):
            with about("tracers", number):
                self._add(tracer, number, lengths)
        count = self.plantings[-1].rows.stop if self.plantings else 0
        self.states = np.full((count, model.dimensions), np.nan, np.float32)
        self._copies = np.full((len(self.plantings), model.dimensions), np.nan, np.float32)
        self._frames: dict[int, Array] = {}

    def _add(self, tracer: Tracer, number: int, lengths: Mapping[str, int]) -> None:
        if tracer.place.kind != "token":
            message = f"a {tracer.place.kind} has no token that tracers could follow; in a trace it is {{kind: token}}."
            raise InputError(message, parameter="place.kind")
        if tracer.active:
            raise InputError("tracers of a trace are passive: no token attends to them.", parameter="active")
        if tracer.plant_at >= self._model.layers:
            raise InputError(
                f"the model has {self._model.layers} layers; tracers are planted before one of them, at 0 to "
                f"{self._model.layers - 1}.",
                parameter="plant_at",
                value=tracer.plant_at,
            )
        if tracer.place.of is not None and tracer.place.of not in lengths:
            message = f"there is no text '{tracer.place.of}'; the texts are {', '.join(lengths)}."
            raise InputError(message, parameter="place.of")
        structure = structure_of(tracer.shape, _found)
        texts = list(lengths) if tracer.place.of is None else [tracer.place.of]
        for text in texts:
            name = tracer.name if len(texts) == 1 else f"{tracer.name}-{text}"
            if name in lengths or name in {planting.name for planting in self.plantings}:
                raise InputError(f"the name '{name}' is taken by another group.", parameter="name")
            host = place_of_token(tracer.place.index, lengths[text])
            start = self.plantings[-1].rows.stop if self.plantings else 0
            rows = slice(start, start + len(structure.points))
            step = 2 * tracer.plant_at
            self.plantings.append(Planting(name, tracer, number, text, host, step, rows, structure.bonds))

    def join(self, tokens: Gas) -> Gas:
        """The tokens of all texts and, after them, all tracers."""
        if not self.plantings:
            return tokens
        sizes = [planting.rows.stop - planting.rows.start for planting in self.plantings]
        count, names = tokens.count, [*tokens.names, *(planting.name for planting in self.plantings)]
        numbers = np.arange(len(tokens.names), len(names))
        return Gas(
            positions=np.concatenate([tokens.positions, self.states]),
            species=np.concatenate([tokens.species, np.repeat(numbers, sizes)]),
            names=names,
            token_ids=np.concatenate([tokens.token_ids, np.full(sum(sizes), -1)]),
            tokens=[*tokens.tokens, *[""] * sum(sizes)],
            bonds={planting.name: planting.bonds + planting.rows.start + count for planting in self.plantings},
            appears=np.concatenate(
                [np.zeros(count, np.int64), np.repeat([planting.step for planting in self.plantings], sizes)]
            ),
        )

    def plant(self, step: int, states: Mapping[str, Array]) -> None:
        """Plants what is due at a step among the states (S, D) of each text.

        Raises:
            InputError: if a frame does not fit the structure or the stream.
        """
        for copy, planting in enumerate(self.plantings):
            if planting.step != step:
                continue
            groups = {name: GroupSnapshot(rows, np.full(len(rows), -1)) for name, rows in states.items()}
            soil = PlacementContext(groups, self._model.dimensions, self._seed, _found)
            named = planting.tracer.place.model_copy(update={"of": planting.text})
            tracer = planting.tracer.model_copy(update={"place": named})
            with about("tracers", planting.number):
                self.states[planting.rows] = plant(tracer, soil, planting.number).positions
            self._copies[copy] = states[planting.text][planting.host]
            self._frame(step)[planting.rows] = self.states[planting.rows]

    def listening(self, text: str, layer: int, block: Block) -> AbstractContextManager[Reading | None]:
        """Keeps what the tracers of a text read while its block is computed; nothing where there are none."""
        return reading(block) if self._of(text, 2 * layer) else nullcontext()

    def move(self, text: str, layer: int, read: Reading | None, after: Mapping[int, Array]) -> None:
        """Takes the tracers of a text through a layer.

        Args:
            text: its name.
            layer: from 0.
            read: what `listening` gave.
            after: step -> (S, D), the states of the text in the layer.

        Raises:
            InputError: if a tracer without offset does not follow its host.
        """
        there = self._of(text, 2 * layer)
        if read is None or not there:
            return
        spans = [self.plantings[one].rows for one in there]
        hosts = np.array([self.plantings[one].host for one in there])
        rows = np.concatenate([np.arange(span.start, span.stop) for span in spans])
        places = np.concatenate([hosts, np.repeat(hosts, [span.stop - span.start for span in spans])])
        x, step = torch.from_numpy(np.concatenate([self._copies[there], self.states[rows]])), 2 * layer
        for later, states in after.items():
            x, step = in_blocks(self._model, read, step, x, torch.from_numpy(places)), later
            moved = x.numpy()
            self._copies[there], self.states[rows] = moved[: len(there)], moved[len(there) :]
            self._frame(later)[rows] = self.states[rows]
            self._compare(self._copies[there], states[hosts])

    def taken(self, step: int) -> Array:
        """(M, D) all tracers at a step; NaN for those that are not planted. Each frame is given once."""
        frame = self._frame(step)
        del self._frames[step]
        return frame

    def _frame(self, step: int) -> Array:
        return self._frames.setdefault(step, np.full_like(self.states, np.nan))

    def _compare(self, copies: Array, hosts: Array) -> None:
        error = float(np.max(np.linalg.norm(copies - hosts, axis=1) / np.linalg.norm(hosts, axis=1)))
        self.error = max(self.error, error)
        if not error <= LARGEST_ERROR:  # or it is not a number
            raise InputError(
                f"{self._model.name}: a tracer without offset departs from its token (relative distance "
                f"{error:.2g}, at most {LARGEST_ERROR:g} is rounding): its attention reads something else than "
                "its keys, values, positions and mask; it can be traced without tracers."
            )

    def _of(self, text: str, step: int) -> list[int]:
        """The structures of a text that are there at a step."""
        return [at for at, one in enumerate(self.plantings) if one.text == text and one.step <= step]

    @property
    def provenance(self) -> dict[str, str]:
        """Attributes of a file: where each structure was planted."""
        if not self.plantings:
            return {}
        keys = ("name", "text", "host", "step")
        return {"tracers": json.dumps([{key: getattr(one, key) for key in keys} for one in self.plantings])}


def _found(name: str) -> Path:
    """A file of points.

    Raises:
        InputError: if there is none.
    """
    path = find_file(name)
    if path is None:
        raise InputError(f"there is no file '{name}'.", parameter="shape.file")
    return path
