"""The registry: registration, look-up, validation and serialisation of specifications by their kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
import pytest
from pydantic import ValidationError

from gasfield.errors import InputError
from gasfield.forces import FORCES, ForceSpec
from gasfield.forces.fields.harmonic import Harmonic
from gasfield.importing import IMPORTERS, Importer, Piece, Source, import_recording
from gasfield.importing.base import importer_of
from gasfield.registry import _REGISTRIES, Registry, register
from gasfield.spaces import SPACES, Free
from gasfield.spec import Spec


class Thing(Spec):
    kind: str


class Stone(Thing):
    kind: Literal["stone"] = "stone"
    mass: float = 1.0


class Feather(Thing):
    kind: Literal["feather"] = "feather"
    first: float | None = None


@pytest.fixture
def things() -> Iterator[Registry[Thing]]:
    made = Registry("thing", Thing, package="gasfield.spaces", shorthand=True)
    register(Stone)
    register(Feather)
    yield made
    _REGISTRIES.remove(made)


def test_a_field_takes_every_kind_and_keeps_all_of_it(things: Registry[Thing]) -> None:
    class Box(Spec):
        inside: tuple[Annotated[Thing, things.by_kind], ...]

    box = Box.model_validate({"inside": [{"kind": "stone", "mass": 2}, "feather", Stone(mass=3.0)]})
    assert box.inside == (Stone(mass=2.0), Feather(), Stone(mass=3.0))
    dumped = box.model_dump(mode="json", exclude_none=True)
    assert dumped == {"inside": [{"kind": "stone", "mass": 2.0}, "feather", {"kind": "stone", "mass": 3.0}]}
    assert Box.model_validate(dumped) == box
    schema = Box.model_json_schema()["properties"]["inside"]["items"]["oneOf"]
    assert schema[0] == {"enum": ["feather", "stone"]}
    assert [each["properties"]["kind"]["const"] for each in schema[1:]] == ["feather", "stone"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"kind": "ston"}, "no thing of kind 'ston'; there are 'feather', 'stone'"),
        ({"mass": 1.0}, "'kind' is missing"),
        ({"kind": ["stone"]}, "no thing of kind"),
        ({"kind": "stone", "weight": 1.0}, "unknown key 'weight'"),
        (3, "the name of a kind, or a mapping"),
    ],
)
def test_what_is_no_thing_is_refused(things: Registry[Thing], given: object, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        things.parse(given)  # type: ignore[arg-type]


def test_a_kind_belongs_to_one_class_which_may_be_defined_again(things: Registry[Thing]) -> None:
    register(Stone)  # once more: a notebook cell that is run again
    with pytest.raises(ValueError, match=r"already a thing of kind 'stone': .*Stone"):
        register(type("Pebble", (Stone,), {}))
    with pytest.raises(ValueError, match="needs a field such as"):
        register(type("Nameless", (Thing,), {}))
    with pytest.raises(ValueError, match="derives from none of"):
        register(type("Alien", (Spec,), {}))


def test_a_plugin_cannot_take_a_built_in_kind() -> None:
    with pytest.raises(ValueError, match="already a force of kind 'harmonic'"):
        register(type("Mine", (Harmonic,), {}))
    assert FORCES["harmonic"] is Harmonic
    assert SPACES.parse({"kind": "free", "dimensions": 2}) == Free(dimensions=2)
    assert issubclass(FORCES["attention"], ForceSpec)


class Odd(Importer):
    """Claims every text file."""

    kind: Literal["odd"] = "odd"

    def claims(self, path: Path) -> bool:
        return path.suffix == ".txt"

    def read(self, path: Path) -> Source:
        ones = np.ones((2, 3))
        return Source(str(path), (2, 3), "float64", np.array([4]), lambda every: iter([Piece(ones, "float64")]))


class Rival(Odd):
    kind: Literal["rival"] = "rival"  # type: ignore[assignment]


class Stronger(Odd):
    precedence: ClassVar[int] = 1
    kind: Literal["stronger"] = "stronger"  # type: ignore[assignment]


def test_the_importer_that_claims_a_file_with_the_highest_precedence_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("1")
    try:
        assert importer_of(path).kind == "matrix"
        register(Odd)
        assert importer_of(path, tensor="W") == Odd(tensor="W")
        import_recording(path, tmp_path / "a.h5")
        register(Rival)
        with pytest.raises(InputError, match=r"several importers claim it \(odd, rival\)"):
            importer_of(path)
        assert importer_of(path, "rival").kind == "rival"
        register(Stronger)
        assert importer_of(path).kind == "stronger"
        with pytest.raises(InputError, match="no importer 'none'; there are checkpoints, matrix, odd"):
            importer_of(path, "none")
    finally:
        for kind in {"odd", "rival", "stronger"} & set(IMPORTERS):
            IMPORTERS.remove(kind)
