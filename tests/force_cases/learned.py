"""Cases of `learned`: one for each law that a learned field may consist of, from a file written here."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

import numpy as np

from force_cases.case import Case, cloud, external
from gasfield.forces.learned import FieldLaw, LearnedField, Moved, Term
from gasfield.forces.learned.affine import AffineLaw
from gasfield.spaces import Free

_FOLDER = Path(tempfile.mkdtemp(prefix="gasfield-fields-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)


def field_file(name: str, law: FieldLaw, arrays: dict[str, np.ndarray], dimensions: int) -> str:
    """The path of a field of one term."""
    path = _FOLDER / f"{name}.h5"
    LearnedField({law.kind: Term(law, arrays)}, dimensions, Moved("force")).write(path)
    return str(path)


def affine_case(name: str, matrix: np.ndarray) -> Case:
    """F = a + A (x - c)."""
    offset, reference = np.array([0.3, -0.2, 0.5]), np.array([0.1, 0.2, -0.3])

    def law(places: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        force = np.array([offset + matrix @ (x - reference) for x in places])
        energy = np.array([-(x - reference) @ (offset + 0.5 * matrix @ (x - reference)) for x in places])
        return energy if np.array_equal(matrix, matrix.T) else None, force

    arrays = {"offset": offset, "matrix": matrix, "reference": reference}
    right = {"file": field_file(name, AffineLaw(), arrays, 3)}
    wrong = {"file": field_file(f"{name}-wrong", AffineLaw(), arrays | {"matrix": 1.05 * matrix}, 3)}
    symmetric = bool(np.array_equal(matrix, matrix.T))
    return Case("learned", name, Free(dimensions=3), cloud(3), external(law), right, wrong, conservative=symmetric)


_MATRIX = np.array([[-1.0, 0.2, 0.0], [0.2, -0.5, 0.3], [0.0, 0.3, 0.4]])
CASES = [
    affine_case("affine-symmetric", _MATRIX),
    affine_case("affine-turning", _MATRIX + np.array([[0.0, 0.5, 0.0], [-0.5, 0.0, 0.0], [0.0, 0.0, 0.0]])),
]
