"""Cases of `learned`: one for each law that a learned field may consist of, from a file written here."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from force_cases.case import Case, cloud, external
from gasfield.forces.learned import FieldLaw, LearnedField, Moved, Term
from gasfield.forces.learned.affine import AffineLaw
from gasfield.forces.learned.drift import DriftLaw
from gasfield.forces.learned.koopman import KoopmanLaw
from gasfield.forces.learned.linear import Centre, DecayLaw, HessianLaw
from gasfield.spaces import Free

Arrays = dict[str, np.ndarray]
Definition = Callable[[np.ndarray], tuple[np.ndarray | None, np.ndarray]]
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


def term_case(
    name: str, law: FieldLaw, arrays: Arrays, wrong: Arrays, definition: Definition, *, conservative: bool = True
) -> Case:
    """One term, from its definition: force and energy at places."""
    files = [field_file(f"{name}-{number}", law, arrays | own, 3) for number, own in enumerate(({}, wrong))]
    oracle = external(definition)
    return Case(
        "learned", name, Free(dimensions=3), cloud(3), oracle, {"file": files[0]}, {"file": files[1]},
        conservative=conservative,
    )  # fmt: skip


def linear_law(matrix: np.ndarray, centre: np.ndarray | None) -> Definition:
    """F = M (x - c), c the centroid if it is not given."""

    def law(places: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        away = places - (places.mean(axis=0) if centre is None else centre)
        force = np.array([matrix @ x for x in away])
        energy = np.array([-0.5 * x @ matrix @ x for x in away])
        return energy if np.array_equal(matrix, matrix.T) else None, force

    return law


def hessian_case(name: str, right: np.ndarray, about: Centre) -> Case:
    """K = left^T core right of rank two."""
    core, centre = np.array([[0.5, 0.1], [0.1, -0.8]]), np.array([0.2, -0.1, 0.4])
    arrays = {"left": _AXES, "core": core, "right": right, "centre": centre}
    oracle = linear_law(_AXES.T @ core @ right, centre if about == "fixed" else None)
    symmetric = right is _AXES
    if symmetric:
        oracle = linear_law(sum(core[k, m] * np.outer(_AXES[k], _AXES[m]) for k in (0, 1) for m in (0, 1)), None)
    return term_case(name, HessianLaw(about=about), arrays, {"core": 1.05 * core}, oracle, conservative=symmetric)


def monomial_map(places: np.ndarray) -> tuple[None, np.ndarray]:
    """F = offset + A (x - c) + weight (u_1 u_2^2 - mean), u = axes (x - c)."""
    k = _KOOPMAN
    force = []
    for x in places:
        u = k["axes"] @ (x - k["centre"])
        force.append(k["offset"] + k["matrix"] @ (x - k["centre"]) + k["weights"][0] * (u[0] * u[1] ** 2 - k["mean"]))
    return None, np.array(force)


_AXES = np.array([[0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
_OTHERS = np.array([[0.0, 1.0, 0.0], [0.8, 0.0, -0.6]])
_KOOPMAN = {
    "offset": np.array([0.1, -0.2, 0.0]),
    "matrix": np.array([[-0.1, 0.3, 0.0], [0.0, -0.2, 0.1], [0.2, 0.0, -0.3]]),
    "centre": np.array([0.2, -0.1, 0.4]),
    "axes": _AXES,
    "table": np.array([[1.0, 2.0]]),
    "mean": np.array([0.4]),
    "weights": np.array([[0.3, 0.1, -0.2]]),
}
_RISING = {"times": np.array([-1.0, 3.0]), "values": np.array([[0.0, 0.0, 0.0], [0.4, 0.8, -1.2]])}
_DECAY = {"rate": np.array(0.7), "centre": np.array([0.2, -0.1, 0.4])}


def drift(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A quarter of the way from nothing to the last value, at time 0."""
    force = np.tile([0.1, 0.2, -0.3], (len(places), 1))
    return -np.sum(places * force, axis=1), force


_MATRIX = np.array([[-1.0, 0.2, 0.0], [0.2, -0.5, 0.3], [0.0, 0.3, 0.4]])
CASES = [
    affine_case("affine-symmetric", _MATRIX),
    affine_case("affine-turning", _MATRIX + np.array([[0.0, 0.5, 0.0], [-0.5, 0.0, 0.0], [0.0, 0.0, 0.0]])),
    term_case("drift", DriftLaw(interpolation="linear"), _RISING, {"values": 1.05 * _RISING["values"]}, drift),
    term_case("decay", DecayLaw(), _DECAY, {"rate": np.array(0.75)}, linear_law(-0.7 * np.eye(3), _DECAY["centre"])),
    term_case(
        "decay-to-centroid",
        DecayLaw(about="centroid"),
        _DECAY,
        {"rate": np.array(0.75)},
        linear_law(-0.7 * np.eye(3), None),
    ),
    hessian_case("hessian-to-centroid", _AXES, "centroid"),
    hessian_case("hessian-turning", _OTHERS, "fixed"),
    term_case(
        "koopman",
        KoopmanLaw(dictionary="monomials"),
        _KOOPMAN,
        {"weights": 1.05 * _KOOPMAN["weights"]},
        monomial_map,
        conservative=False,
    ),
]
