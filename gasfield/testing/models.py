"""The contract of a model of a field."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gasfield.forces import Surroundings
from gasfield.forces.learned import LearnedField
from gasfield.learning.fit import Fit, fit
from gasfield.learning.model import MODELS, AnyModel, FieldModel
from gasfield.spaces import Free, Space
from gasfield.spec import parse
from gasfield.testing.tools import gas_of, require
from gasfield.trajectory import Trajectory


def check_model(
    model: FieldModel | Mapping[str, Any] | str, recordings: Sequence[Trajectory] = (), space: Space | None = None
) -> Fit:
    """Checks what is asked of a model.

    * It is registered, and its parameters have descriptions.
    * Fitted twice to the same data it gives the same bits; the numbers are leaves that JSON can hold, and there is one.
    * The field is read from its file as it was written, and a gas of the sampled places feels a finite force, each
      particle the same whatever the others are if the field does not interact.

    Args:
        model: with any parameters.
        recordings: open trajectories to which it is fitted; none for a model that needs no data.
        space: in which the field is used; free space if left out.

    Returns:
        The fit, for further checks.

    Raises:
        AssertionError: if it does not hold; the text says what.
    """
    chosen: FieldModel = parse(AnyModel, model)
    kind = chosen.kind
    require(MODELS[kind] is type(chosen), f"{kind}: is not registered")
    for name, field in type(chosen).model_fields.items():
        require(name == "kind" or bool(field.description), f"{kind}: {name} has no description")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "field.h5"
        first, second = fit(recordings, chosen, path), fit(recordings, chosen)
        _require_same(first.field, second.field, f"{kind}: another field from the same data")
        _require_same(first.field, LearnedField.read(path), f"{kind}: the file holds another field")
    require(bool(first.quantities), f"{kind}: no number says how good the fit is")
    json.dumps(first.as_json(), allow_nan=False)
    _require_finite(first.field, recordings, space)
    return first


def _require_same(one: LearnedField, other: LearnedField, text: str) -> None:
    require(list(one.terms) == list(other.terms) and one.moved == other.moved, text)
    for name, term in one.terms.items():
        again = other.terms[name]
        require(term.law == again.law and term.arrays.keys() == again.arrays.keys(), f"{text}: {name}")
        for array, values in term.arrays.items():
            np.testing.assert_array_equal(values, again.arrays[array], f"{text}: {name}/{array}")


def _require_finite(field: LearnedField, recordings: Sequence[Trajectory], space: Space | None) -> None:
    places = np.array(recordings[0].frame(0), np.float64) if recordings else np.zeros((3, field.dimensions))
    around = Surroundings(space or Free(dimensions=field.dimensions))
    gas = gas_of(places)
    for force in field.build(around):
        total = np.zeros(places.shape)
        force.add(gas, total)
        require(bool(np.isfinite(total).all()), f"{type(force).__name__}: the force is not finite")
        if not force.interacting:
            alone = np.zeros((1, field.dimensions))
            force.add(gas_of(places[:1]), alone)
            np.testing.assert_array_equal(alone, total[:1], f"{type(force).__name__}: depends on other particles")
