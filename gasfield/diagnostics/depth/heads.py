"""Heads as forces: properties of the force field of every attention head, and classes by them.

What is measured is in `head_weights` and `head_field`, what the classes mean in `head_classes`. Every property stands
beside that of shuffled heads (the attention of one head with the values and the output of another, the query of one
with the key of another), and so does the classification.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Axes, Result, Values
from gasfield.diagnostics.context import NotApplicable
from gasfield.diagnostics.depth.base import FEWEST, DepthDiagnostic
from gasfield.diagnostics.depth.head_classes import CLASSES, LEVEL, SIGNS, classified, thresholds
from gasfield.diagnostics.depth.head_field import queries
from gasfield.diagnostics.depth.head_properties import Tables, tables
from gasfield.diagnostics.group import Group
from gasfield.errors import InputError
from gasfield.registry import register
from gasfield.resources import find_file
from gasfield.statistics.estimate import Estimate, exact, mean, missing, share
from gasfield.statistics.gap import gap_statistic
from gasfield.streams import Stream, generator
from gasfield.transformer import Transformer, read_transformer

PROPERTIES = (
    "divergence", "symmetry", "uniformity", "distance", "uniformity_with_sinks", "distance_with_sinks",
    "score_symmetry", "write_symmetry", "sign", "alignment",
)  # fmt: skip
GROUPED = ("divergence", "symmetry", "uniformity", "distance", "sign")
"""Properties in whose space groups of heads are counted."""
MOST_KINDS = 6


@dataclass(frozen=True, kw_only=True)
class HeadsResult(Result):
    """Properties and classes of the heads of a model on one text.

    Attributes:
        found: property -> (L, H).
        null: the same of shuffled heads, which give the thresholds.
        flags: class or sign, or "none" -> (L, H).

    Keys: `heads.count`; `heads.PROPERTY`, means over heads of `divergence`, `symmetry`, `uniformity`, `distance` (the
    last two also `_with_sinks`), `score_symmetry`, `write_symmetry`, `sign` and `alignment`, each with `.null`;
    `heads.CLASS`, the share of heads in the classes `well`, `hill`, `electric_field`, `constraint`, in `none` of them,
    and with the signs `attracts` and `repels`, each with `.control`, the share of other shuffled heads that pass the
    same thresholds; `heads.kinds`, into how many groups the heads fall in the space of five properties (gap statistic,
    1 for a continuum), and `.null`, the same with each property dealt anew to the heads. Errors are those over heads.
    """

    found: dict[str, Values]
    null: dict[str, Values]
    flags: dict[str, NDArray[np.bool_]]

    def arrays(self) -> dict[str, tuple[NDArray[Any], str]]:
        """Properties and classes by layer and head."""
        own: dict[str, tuple[NDArray[Any], str]] = {name: (values, "1") for name, values in self.found.items()}
        return own | {f"is_{name}": (flags, "1") for name, flags in self.flags.items()}

    def draw(self, ax: Axes | None = None) -> Axes:
        """Divergence of each head over the share of its attention that distance explains, by class."""
        from gasfield.plots.heads import heads_in_plane

        return heads_in_plane(
            self.found, self.null, {name: self.flags[name] for name in (*CLASSES, "none")}, self.group, ax
        )


@register
class Heads(DepthDiagnostic[HeadsResult]):
    """Attention heads as force fields: divergence, symmetry, direction, dependence on distance, and classes."""

    telling: ClassVar[tuple[str, ...] | None] = ("heads.well", "heads.electric_field", "heads.constraint", "heads.none")

    kind: Literal["heads"] = "heads"
    model: str | None = None
    """The model: a folder in Hugging Face's layout or a GGUF file. That of the trace or the simulation if left out."""

    def objection(self, group: Group) -> str | None:
        """Needs the weights, which a trace does not hold."""
        reason = super().objection(group)
        if reason is None and self._file(group) is None:
            return "the weights are not known: give the path of the model ({kind: heads, model: PATH})"
        if reason is None:
            self._model(group)
        return reason

    def measure(self, group: Group, notes: list[str]) -> HeadsResult:
        """The results for one group."""
        sinks = self.of(group, notes).flags
        model = self._model(group)
        told = {f"heads.{name}{end}": missing("1") for name in PROPERTIES for end in ("", ".null")}
        told |= {f"heads.{name}{end}": missing("1") for name in (*CLASSES, *SIGNS, "none") for end in ("", ".control")}
        told |= dict.fromkeys(("heads.kinds", "heads.kinds.null"), missing("1"))
        told["heads.count"] = exact(sum(layer.heads for layer in model.layers), "1")
        measured = Tables({}, {}, {})
        flags: dict[str, NDArray[np.bool_]] = {}
        if len(queries(~sinks)) < FEWEST:
            notes.append("fewer than four tokens follow the first eight: fields of heads are not measured")
        else:
            measured = tables(model.layers, _streams(group), sinks)
            limits = thresholds(measured.null)
            flags, control = classified(measured.found, limits), classified(measured.control, limits)
            told |= _estimates(measured, flags, control) | _kinds(measured.found, notes)
            if 0 < measured.null["sign"].size < round(1.0 / LEVEL):
                notes.append(
                    f"only {measured.null['sign'].size} shuffled heads: a threshold is the most extreme of them"
                )
        return HeadsResult(
            group=group.name,
            estimates=told,
            notes=tuple(notes),
            found=measured.found,
            null=measured.null,
            flags=flags,
        )

    def _file(self, group: Group) -> str | None:
        context, trace = group.origin.context, group.origin.trace
        if self.model is not None:
            return self.model
        if trace is not None:
            return trace.model_path
        laws = context.laws if context is not None else ()
        return next((law.transformer_file for law in laws if law.transformer_file is not None), None)

    def _model(self, group: Group) -> Transformer:
        """Read once for each group.

        Raises:
            NotApplicable: if the model cannot be read, or is not that of the group.
        """
        key = (type(self), self.model)
        if key not in group.memo:
            group.memo[key] = self._read(group)
        model: Transformer = group.memo[key]
        return model

    def _read(self, group: Group) -> Transformer:
        name, context = self._file(group), group.origin.context
        find: Callable[[str], Path | None] = context.find if context is not None and not self.model else find_file
        try:
            path = find(name or "") or Path(name or "")
            model = read_transformer(path)
        except InputError as error:
            raise NotApplicable(f"the model cannot be read: {error.message}") from None
        if self.model is None and group.origin.trace is not None and not group.origin.trace.made_with(path):
            raise NotApplicable(
                f"{path}: is no longer the model of the trace: give its path ({{kind: heads, model: PATH}})"
            )
        last = group.steps[-1] if len(group.steps) else 0
        if model.dimensions != group.dimensions or model.steps != last:
            raise NotApplicable(
                f"the model has {len(model.layers)} layers of {model.dimensions} dimensions, the text {last // 2} of "
                f"{group.dimensions}"
            )
        return model


def _streams(group: Group) -> Callable[[int], Values]:
    places = {int(step): frame for frame, step in enumerate(group.steps)}
    return lambda layer: group.frame(places[2 * layer])


def _kinds(found: dict[str, Values], notes: list[str]) -> dict[str, Estimate]:
    """Numbers of groups of heads."""
    points = np.stack([found[name].ravel() for name in GROUPED], axis=1)
    spread = points.std(axis=0)
    if len(points) <= 2 * MOST_KINDS or not np.isfinite(points).all() or not spread.all():
        notes.append(f"{len(points)} heads are too few, or too much alike, to be counted in groups")
        return {}
    scaled, chance = (points - points.mean(axis=0)) / spread, generator(0, Stream.PERMUTATIONS, 8)
    dealt = np.stack([chance.permutation(column) for column in scaled.T], axis=1)
    numbers = {"heads.kinds": scaled, "heads.kinds.null": dealt}
    return {key: exact(gap_statistic(each, MOST_KINDS, chance).count, "1") for key, each in numbers.items()}


def _estimates(
    measured: Tables, flags: dict[str, NDArray[np.bool_]], control: dict[str, NDArray[np.bool_]]
) -> dict[str, Estimate]:
    told = {}
    for name in PROPERTIES:
        for table, end in ((measured.found, ""), (measured.null, ".null")):
            values = table[name][np.isfinite(table[name])]
            told[f"heads.{name}{end}"] = mean(values, "1")
    for name in (*CLASSES, *SIGNS, "none"):
        told[f"heads.{name}"] = share(flags[name].ravel())
        told[f"heads.{name}.control"] = share(control[name].ravel())
    return told
