"""A learned field and the HDF5 file that holds it.

    attributes   format, version, dimensions, space, moved (the motion that it was learned for), span, terms, report,
                 provenance; mappings are JSON
    region/      mean (D,), axes (r, D), scales (r,), extent (2,): where it was learned
    TERM/        the arrays of each term, float64, under the name of the term

Nothing in a file is executed: the kinds of its terms are looked up in a registry, and every array is checked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, get_args

import h5py
import numpy as np
from pydantic import ValidationError

from gasfield.errors import InputError
from gasfield.faults import explain
from gasfield.files import draft_of
from gasfield.forces.base import Array, Force, Surroundings
from gasfield.forces.learned.law import FIELD_LAWS, Arrays, FieldLaw
from gasfield.forces.learned.region import Region
from gasfield.forces.moved import Moved, Target
from gasfield.hdf5.chunks import require_chunks
from gasfield.hdf5.guard import UNREADABLE, open_checked
from gasfield.memory import require_memory
from gasfield.printable import shortened
from gasfield.reading import parse_json

FORMAT, VERSION = "gasfield learned field", 1


@dataclass(frozen=True)
class Term:
    """One law of a field with its arrays."""

    law: FieldLaw
    arrays: Arrays


@dataclass(frozen=True)
class LearnedField:
    """A sum of learned laws, and what is known of how they were learned.

    Attributes:
        terms: name -> law with its arrays.
        dimensions: D.
        moved: the motion that it was learned for.
        space: "free" or "sphere"; on a sphere forces are projected onto its tangent space by the dynamics.
        span: the first and the last step of the training data.
        region: where it was learned; None where that has no meaning.
        report: numbers of the fit, as nested leaves {value, unit, error}.
        notes: what must be said of it.
        provenance: recordings with digests, the specification of the fit, versions.
    """

    terms: Mapping[str, Term]
    dimensions: int
    moved: Moved
    space: str = "free"
    span: tuple[int, int] = (0, 0)
    region: Region | None = None
    report: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def build(self, surroundings: Surroundings, names: tuple[str, ...] | None = None) -> list[Force]:
        """The forces of its terms, or of those that are named.

        Raises:
            InputError: if it has other dimensions than the space, or lacks a term.
        """
        if self.dimensions != surroundings.dimensions:
            raise InputError(
                f"the learned field has {self.dimensions} dimensions, the space {surroundings.dimensions}."
            )
        for name in names or ():
            if name not in self.terms:
                raise InputError(
                    f"there is no term '{name}'; the terms are {', '.join(self.terms)}.", parameter="terms"
                )
        chosen = [self.terms[name] for name in (self.terms if names is None else names)]
        return [term.law.build(term.arrays, surroundings) for term in chosen]

    def write(self, path: Path) -> None:
        """Writes the file, whole or not at all.

        Raises:
            WriteError: if it cannot be written.
        """
        with draft_of(path) as draft, h5py.File(draft, "w", libver=("v110", "v110")) as file:
            attributes = {
                "format": FORMAT,
                "version": VERSION,
                "dimensions": self.dimensions,
                "space": self.space,
                "span": np.array(self.span, np.int64),
                "moved": _json({"target": self.moved.target, "law": dict(self.moved.law)}),
                "terms": _json({name: term.law.model_dump(mode="json") for name, term in self.terms.items()}),
            }
            file.attrs.update(attributes)
            texts = {"report": dict(self.report), "notes": list(self.notes), "provenance": dict(self.provenance)}
            for name, data in texts.items():  # data sets, because an attribute holds at most 64 KiB
                file[name] = _json(data)
            if self.region is not None:
                _write_arrays(file.create_group("region"), self.region.arrays())
            for name, term in self.terms.items():
                _write_arrays(file.create_group(name), term.arrays)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a file.

        Raises:
            InputError: if it is no learned field, is damaged, or of a later version.
        """
        try:
            with open_checked(path) as file:
                if file.attrs.get("format") != FORMAT:
                    raise InputError("not a learned field; `gasfield fit` writes one.")
                if int(file.attrs["version"]) > VERSION:
                    raise InputError(f"written by a later version of gasfield (format {int(file.attrs['version'])}).")
                return cls._read(file)
        except InputError as fault:
            origin = "" if fault.message.startswith(f"{path}:") else f"{path}: "
            raise InputError(f"{origin}{fault.message}") from None
        except (*UNREADABLE, AttributeError) as fault:
            raise InputError(f"{path}: not a learned field, or damaged ({shortened(str(fault))}).") from None

    @classmethod
    def _read(cls, file: h5py.File) -> Self:
        dimensions, moved = int(file.attrs["dimensions"]), parse_json(file.attrs["moved"], "moved")
        if moved["target"] not in get_args(Target):
            raise InputError("its target is none of velocity, gradient and force.")
        first, last = (int(step) for step in file.attrs["span"])
        terms = {}
        for name, given in parse_json(file.attrs["terms"], "terms").items():
            try:
                law = FIELD_LAWS.parse(given)
            except ValidationError as fault:
                raise explain(fault, given) from None
            arrays = _read_arrays(file[name])
            law.require(arrays, dimensions)
            terms[name] = Term(law, arrays)
        report, notes, provenance = (parse_json(file[name][()], name) for name in ("report", "notes", "provenance"))
        return cls(
            terms=terms,
            dimensions=dimensions,
            moved=Moved(moved["target"], dict(moved["law"])),
            space=str(file.attrs["space"]),
            span=(first, last),
            region=Region.from_arrays(_read_arrays(file["region"]), dimensions) if "region" in file else None,
            report=dict(report),
            notes=tuple(map(str, notes)),
            provenance=dict(provenance),
        )


def _json(data: Any) -> str:
    return json.dumps(data, allow_nan=False)


def _write_arrays(group: h5py.Group, arrays: Arrays) -> None:
    for name, values in arrays.items():
        group[name] = np.asarray(values, np.float64, order="C")  # keeps a single number without axes


def _read_arrays(group: h5py.Group) -> dict[str, Array]:
    size = Path(group.file.filename).stat().st_size
    for data in group.values():
        require_chunks(data, size)
    require_memory(sum(data.nbytes for data in group.values()), f"the learned field {group.name}")
    return {name: np.asarray(data[()], np.float64, order="C") for name, data in group.items()}
