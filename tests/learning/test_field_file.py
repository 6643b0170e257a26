"""Files of learned fields: whatever is in them, they are read whole or refused with the name of the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from gasfield.errors import InputError
from gasfield.forces.learned import LearnedField, Moved, Region, Term
from gasfield.forces.learned.affine import AffineLaw


@pytest.fixture
def field_file(tmp_path: Path) -> Path:
    """A learned affine field in three dimensions."""
    arrays = {"offset": np.ones(3), "matrix": np.eye(3), "reference": np.zeros(3)}
    region = Region.of(np.random.default_rng(0).normal(size=(50, 3)))
    LearnedField({"affine": Term(AffineLaw(), arrays)}, 3, Moved("velocity"), region=region).write(tmp_path / "f.h5")
    return tmp_path / "f.h5"


def replace(file: h5py.File, name: str, values: object) -> None:
    del file[name]
    file[name] = values


def rewrite_terms(file: h5py.File, **changes: object) -> None:
    terms = json.loads(file.attrs["terms"])
    terms["affine"].update(changes)
    file.attrs["terms"] = json.dumps(terms)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: replace(f, "affine/matrix", np.eye(4)), r"matrix' of the learned law affine has shape \(4, 4\)"),
        (lambda f: replace(f, "affine/offset", np.full(3, np.nan)), "values that are not finite"),
        (lambda f: f["affine"].pop("reference"), "'reference' of the learned law affine is missing"),
        (lambda f: rewrite_terms(f, kind="os.system"), "kind 'os.system'"),
        (lambda f: rewrite_terms(f, extra=1), "unknown key 'extra'"),
        (lambda f: f.attrs.modify("version", 99), "written by a later version"),
        (lambda f: f.attrs.modify("format", "another"), "not a learned field"),
        (lambda f: f.attrs.modify("dimensions", 2), "has shape"),
        (lambda f: f.attrs.modify("moved", json.dumps({"target": "fate", "law": {}})), "its target is none of"),
        (lambda f: f.attrs.modify("moved", "["), "damaged"),
        (lambda f: f.attrs.modify("terms", "[" * 5000), "damaged"),
        (lambda f: replace(f, "affine/offset", "text"), "damaged"),
        (lambda f: replace(f, "region/axes", np.zeros((2, 5))), "region is not one in 3"),
        (lambda f: f["region"].pop("extent"), "damaged"),
        (lambda f: f.pop("report"), "damaged"),
        (lambda f: f["affine"].create_dataset("huge", (1 << 40,), "f8", chunks=(1024,)), "chunks are missing"),
    ],
)
def test_a_damaged_field_is_refused_by_name(
    field_file: Path, damage: Callable[[h5py.File], object], message: str
) -> None:
    with h5py.File(field_file, "r+") as file:
        damage(file)
    with pytest.raises(InputError, match=message) as refused:
        LearnedField.read(field_file)
    assert str(field_file) in str(refused.value)


@pytest.mark.parametrize("size", [0, 100, 2000])
def test_a_field_file_cut_short_is_refused(field_file: Path, size: int) -> None:
    field_file.write_bytes(field_file.read_bytes()[:size])
    with pytest.raises(InputError, match=r"f\.h5: not a learned field, or damaged"):
        LearnedField.read(field_file)


def test_the_sample_is_inside_its_region_and_what_is_beyond_is_not() -> None:
    """For a plane of points in 30 dimensions: points of the sample, places between them, places beyond and above."""
    generator = np.random.default_rng(1)
    axes = np.linalg.qr(generator.normal(size=(30, 2)))[0].T
    sample = 5.0 + generator.normal(size=(500, 2)) * [3.0, 0.5] @ axes
    region = Region.of(sample)
    assert not region.outside(sample).any()
    assert not region.outside(sample[:250] * 0.5 + sample[250:] * 0.5).any()
    assert region.outside(5.0 + 30.0 * axes).all()
    normal = np.linalg.qr(np.vstack([axes, generator.normal(size=(1, 30))]).T)[0][:, 2]
    assert region.outside(sample[:1] + normal).all()
