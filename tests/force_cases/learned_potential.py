"""Cases of `learned` with energies, and of a general field: each law summed up as it stands."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from force_cases.case import Case, cloud, external
from force_cases.learned import field_file
from gasfield.forces.learned import FieldLaw
from gasfield.forces.learned.fourier import FourierField
from gasfield.forces.learned.mixture import MixtureLaw
from gasfield.forces.learned.potential import FourierPotential, GaussianPotential
from gasfield.spaces import Free

_CHANCE = np.random.default_rng(7)
_MATRIX = np.array([[-1.0, 0.2], [0.2, -0.5]])
_AFFINE = {"reference": np.array([0.1, -0.3]), "offset": np.array([0.3, -0.2]), "matrix": _MATRIX}
_WAVES = {"waves": _CHANCE.normal(size=(4, 2)), "phases": _CHANCE.uniform(0.0, 6.0, 4)}
_CENTRES = {"centres": _CHANCE.normal(size=(4, 2)), "width": np.array(0.8)}
_AMPLITUDES = {"amplitudes": _CHANCE.normal(size=4)}
_VECTORS = {"vectors": _CHANCE.normal(size=(4, 2))}
_SHAPES = np.array([[[2.0, 0.0], [0.3, 1.0]], [[1.0, 0.2], [0.0, 1.5]], [[0.7, 0.0], [0.0, 0.7]]])
_MIXTURE = {"centres": _CHANCE.normal(size=(3, 2)), "log_weights": np.log([0.5, 0.3, 0.2]),
            "temperature": np.array(1.5)}  # fmt: skip

Law = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""Energy and force at one place."""


def _affine(x: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    y = x - _AFFINE["reference"]
    return y, float(-y @ _AFFINE["offset"] - 0.5 * y @ _MATRIX @ y), _AFFINE["offset"] + _MATRIX @ y


def _of_waves(x: np.ndarray) -> tuple[float, np.ndarray]:
    y, energy, force = _affine(x)
    for wave, phase, amplitude in zip(_WAVES["waves"], _WAVES["phases"], _AMPLITUDES["amplitudes"], strict=True):
        energy += amplitude * np.cos(wave @ y + phase)
        force = force + amplitude * np.sin(wave @ y + phase) * wave
    return energy, force


def _of_gaussians(x: np.ndarray) -> tuple[float, np.ndarray]:
    y, energy, force = _affine(x)
    for centre, amplitude in zip(_CENTRES["centres"], _AMPLITUDES["amplitudes"], strict=True):
        away = y - centre
        height = amplitude * np.exp(-(away @ away) / (2 * 0.8**2))
        energy, force = energy + height, force + height * away / 0.8**2
    return energy, force


def _general(x: np.ndarray) -> tuple[float, np.ndarray]:
    y, _, force = _affine(x)
    for wave, phase, vector in zip(_WAVES["waves"], _WAVES["phases"], _VECTORS["vectors"], strict=True):
        force = force + vector * np.sin(wave @ y + phase)
    return 0.0, force


def _of_mixture(shapes: np.ndarray) -> Law:
    def law(x: np.ndarray) -> tuple[float, np.ndarray]:
        density, slope = 0.0, np.zeros(2)
        for k, (centre, log_weight) in enumerate(zip(_MIXTURE["centres"], _MIXTURE["log_weights"], strict=True)):
            shape = shapes[min(k, len(shapes) - 1)]
            inverse, away = shape.T @ shape, x - centre
            part = np.exp(log_weight - 0.5 * away @ inverse @ away) * abs(np.linalg.det(shape)) / (2 * np.pi)
            density, slope = density + part, slope - part * inverse @ away
        return -1.5 * np.log(density), 1.5 * slope / density

    return law


def _case(name: str, kind: FieldLaw, arrays: dict[str, np.ndarray], law: Law, *, conservative: bool = True) -> Case:
    def felt(places: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        energies, forces = zip(*(law(x) for x in places), strict=True)
        return np.array(energies) if conservative else None, np.array(forces)

    files = []
    for label, factor in ((name, 1.0), (f"{name}-wrong", 1.05)):
        changed = {"centres" if "log_weights" in arrays else "offset"}
        files.append(field_file(label, kind, {k: v * factor if k in changed else v for k, v in arrays.items()}, 2))
    right, wrong = ({"file": file} for file in files)
    return Case("learned", name, Free(dimensions=2), cloud(2), external(felt), right, wrong, conservative=conservative)


CASES = [
    _case("waves", FourierPotential(), {**_AFFINE, **_WAVES, **_AMPLITUDES}, _of_waves),
    _case("gaussians", GaussianPotential(), {**_AFFINE, **_CENTRES, **_AMPLITUDES}, _of_gaussians),
    _case("general", FourierField(), {**_AFFINE, **_WAVES, **_VECTORS}, _general, conservative=False),
    _case("mixture", MixtureLaw(), {**_MIXTURE, "shapes": _SHAPES}, _of_mixture(_SHAPES)),
    _case("kernels", MixtureLaw(), {**_MIXTURE, "shapes": _SHAPES[:1]}, _of_mixture(_SHAPES[:1])),
]
