"""Cases of `convection`: velocities from the stream functions by complex steps, whose error is that of rounding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from force_cases.case import Case, Felt, cloud, external, on_sphere
from gasfield.gas import Gas
from gasfield.spaces import Free, Periodic, Sphere

TINY = 1e-30
Stream = Callable[[np.ndarray], Any]


def gradient(stream: Stream, place: np.ndarray) -> np.ndarray:
    """Im S(x + i t e_j)/t, exact to rounding for an analytic S."""
    return np.array([np.imag(stream(place + 1j * TINY * e)) / TINY for e in np.eye(len(place))])


def plane(stream: Stream) -> Callable[[np.ndarray], tuple[None, np.ndarray]]:
    def law(places: np.ndarray) -> tuple[None, np.ndarray]:
        slopes = [gradient(stream, x) for x in places]
        return None, np.array([[slope[1], -slope[0], *np.zeros(len(slope) - 2)] for slope in slopes])

    return law


def rolls(speed: float, wave_length: float) -> Stream:
    k = 2 * np.pi / wave_length
    return lambda x: speed / k * np.sin(k * x[0]) * np.sin(k * x[1])


def shell(speed: float, inner: float, outer: float, waves: int) -> Stream:
    """r and the sine of m angles are analytic in the coordinates; sin(m th) = Im (x0 + i x1)^m / r^m."""

    def stream(x: np.ndarray) -> Any:
        radius = np.sqrt(x[0] * x[0] + x[1] * x[1])
        if not inner < radius.real < outer:
            return 0.0
        cosine, sine = 1.0, 0.0
        for _ in range(waves):
            cosine, sine = (cosine * x[0] - sine * x[1]) / radius, (cosine * x[1] + sine * x[0]) / radius
        return speed * (outer - inner) / np.pi * np.sin(np.pi * (radius - inner) / (outer - inner)) * sine

    return stream


def sphere(speed: float, waves: int) -> Callable[[np.ndarray], tuple[None, np.ndarray]]:
    def stream(x: np.ndarray) -> Any:
        real, imaginary = 1.0, 0.0
        for _ in range(waves):
            real, imaginary = real * x[0] - imaginary * x[1], real * x[1] + imaginary * x[0]
        return speed * x[2] * real

    return lambda places: (None, np.array([np.cross(x, gradient(stream, x)) for x in places]))


def no_virial(oracle: Callable[[Gas], Felt]) -> Callable[[Gas], Felt]:
    return lambda gas: replace(oracle(gas), virial=0.0)


ROLLS = {"speed": 0.7, "cells": {"kind": "rolls", "wave_length": 1.5}}
RING = {"speed": 0.7, "cells": {"kind": "shell", "inner": 0.5, "outer": 2.2, "waves": 3}}
GLOBE = {"speed": -0.7, "cells": {"kind": "sphere", "waves": 4}}
CASES = [
    Case("convection", "rolls 2D", Free(dimensions=2), cloud(2), external(plane(rolls(0.7, 1.5))),
         ROLLS, {"speed": 0.707}, conservative=False),
    Case("convection", "rolls periodic 3D", Periodic(dimensions=3, side=3.0), cloud(3),
         no_virial(external(plane(rolls(0.7, 1.0)))), {"speed": 0.7, "cells": {"kind": "rolls", "wave_length": 1.0}},
         {"cells": {"kind": "rolls", "wave_length": 1.5}}, conservative=False),
    Case("convection", "shell 2D", Free(dimensions=2), cloud(2), external(plane(shell(0.7, 0.5, 2.2, 3))),
         RING, {"cells": RING["cells"] | {"outer": 2.222}}, conservative=False),
    Case("convection", "shell 4D", Free(dimensions=4), cloud(4), external(plane(shell(0.7, 0.5, 2.2, 3))),
         RING, {"cells": RING["cells"] | {"inner": 0.505}}, conservative=False),
    Case("convection", "sphere", Sphere(dimensions=3), on_sphere, external(sphere(-0.7, 4)),
         GLOBE, {"speed": -0.707}, conservative=False),
]  # fmt: skip
