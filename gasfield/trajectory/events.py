"""The events that a trajectory file lists: who was taken away when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.reading import parse_json, whole
from gasfield.strict import LARGEST_STEP
from gasfield.trajectory import schema

NEVER = LARGEST_STEP + 1
"""The step at which a particle that stays is taken away."""


def disappearances(
    attributes: Mapping[str, Any], names: Sequence[str], species: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(N,) the step from which each particle is gone; `NEVER` for one that stays. What is no event is passed over.

    Args:
        attributes: of the file.
        names: of the groups.
        species: (N,) index into them.
    """
    gone, tags = np.full(len(species), NEVER, np.int64), dict[str, NDArray[np.int64]]()
    for event in _listed(attributes):
        step, tag, name = whole(event.get("at")), event.get("tag"), event.get("remove")
        if isinstance(tag, dict) and isinstance(tag.get("name"), str):
            tags[tag["name"]] = _rows(tag.get("ids"), len(species))
        if step is None or not isinstance(name, str):
            continue
        if name in tags:
            rows = tags[name]
        else:
            rows = np.flatnonzero(species == names.index(name)) if name in names else np.empty(0, np.int64)
        gone[rows] = np.minimum(gone[rows], max(step, 0))
    return gone


def _listed(attributes: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    text = attributes.get(schema.EVENTS)
    if not isinstance(text, str | bytes):
        return
    try:
        found = parse_json(text, schema.EVENTS)
    except InputError:
        return
    for event in found if isinstance(found, list) else ():
        if isinstance(event, dict):
            yield event


def _rows(ids: object, count: int) -> NDArray[np.int64]:
    numbers = [whole(each) for each in ids] if isinstance(ids, list) else []
    return np.array([each for each in numbers if each is not None and 0 <= each < count], np.int64)
