"""The few results that answer the question of a run, of all that its diagnostics give."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gasfield.diagnostics.keys import keyed
from gasfield.printable import did_you_mean
from gasfield.quantity import Quantity

if TYPE_CHECKING:
    from gasfield.diagnostics.diagnosis import Diagnosis


ALL_TOGETHER = "gas as a whole"
"""Where results of the gas as a whole stand, if there are several groups."""


@dataclass(frozen=True)
class Headline:
    """Results that answer the question of a run.

    Attributes:
        keys: their dotted keys, as in the summary.
        values: group -> key -> result; without those that are undefined. Results of the gas as a whole stand with its
            only group, if it has one only.
        notes: of the diagnostics that gave these results; (group, diagnostic, note).
        diagnostics: names of these diagnostics, and of those whose picture is all that matters.
        unknown: keys that were asked for and that no diagnostic gave, each with the question whether a similar one was
            meant; empty if there is none.
    """

    keys: tuple[str, ...]
    values: Mapping[str, Mapping[str, Quantity]]
    notes: tuple[tuple[str, str, str], ...] = ()
    diagnostics: frozenset[str] = frozenset()
    unknown: Mapping[str, str] = field(default_factory=dict)

    def numbers(self) -> dict[str, Quantity]:
        """The results by group and key."""
        return {
            f"{group}: {key}": values[key]
            for key in self.keys
            for group, values in self.values.items()
            if key in values
        }

    def of_groups(self, names: Collection[str]) -> Headline:
        """The same of these groups alone."""
        values = {name: found for name, found in self.values.items() if name in names}
        keys = tuple(key for key in self.keys if any(key in found for found in values.values()))
        return replace(self, keys=keys, values=values, notes=tuple(note for note in self.notes if note[0] in names))

    def dependents(self, group: str, key: str) -> dict[str, Quantity]:
        """Results that qualify another one (its null, say), by the rest of their keys."""
        return {
            name.removeprefix(f"{key}."): quantity
            for name, quantity in self.values[group].items()
            if name.startswith(f"{key}.")
        }


def headline_of(diagnosis: Diagnosis, asked: Sequence[str] | None = None) -> Headline:
    """The results with the keys that are asked for; else those that the diagnostics themselves name as the ones that
    matter. Where no diagnostics were chosen, only those with such keys take part.

    Args:
        diagnosis: all results.
        asked: dotted keys; each stands for itself and for all that begin with it (`temperature` for
            `temperature.kinetic`).
    """
    keys: dict[str, None] = {}
    values: dict[str, dict[str, Quantity]] = {}
    notes: list[tuple[str, str, str]] = []
    labels: set[str] = set()
    whole = next(iter(diagnosis.results)) if len(diagnosis.results) == 1 else ALL_TOGETHER
    matched, known = set[str](), set[str]()
    for group, label, result in diagnosis.everything(whole):
        quantities = keyed(label, result)
        known.update(quantities)
        wanted = diagnosis.telling(label, quantities) if asked is None else tuple(asked)
        found = {key: one for key in wanted for key, one in _beginning_with(key, quantities).items()}
        matched.update(key for key in wanted if _beginning_with(key, quantities))
        found = {key: quantity for key, quantity in found.items() if quantity.value is not None}
        if diagnosis.is_picture(label):
            labels.add(label)
        if not found:
            continue
        values.setdefault(group, {}).update(found)
        keys.update(dict.fromkeys(key for key in found if not _depends(key, quantities)))
        notes += [(group, label, note) for note in result.notes]
        labels.add(label)
    ordered = tuple(keys) if asked is None else tuple(sorted(keys, key=lambda key: _place(key, asked)))
    beginnings = {".".join(parts[: n + 1]) for key in known for parts in [key.split(".")] for n in range(len(parts))}
    unknown = {key: did_you_mean(key, sorted(beginnings)) for key in asked or () if key not in matched}
    return Headline(ordered, values, tuple(notes), frozenset(labels), unknown)


def _beginning_with(key: str, quantities: Mapping[str, Quantity]) -> dict[str, Quantity]:
    return {name: quantity for name, quantity in quantities.items() if name == key or name.startswith(f"{key}.")}


def _depends(key: str, quantities: Mapping[str, Quantity]) -> bool:
    """Whether a part of a key is itself that of a result."""
    parts = key.split(".")
    return any(".".join(parts[:count]) in quantities for count in range(1, len(parts)))


def _place(key: str, asked: Sequence[str]) -> int:
    return next(place for place, name in enumerate(asked) if key == name or key.startswith(f"{name}."))
