"""The scans of the study `noisy-attention-phases`: which points are run.

    python docs/studies/noisy_attention_scans.py DIRECTORY [PART ...]     see PARTS

Temperatures are laid around T_c of the theory and time steps are h = STEP/((d - 1) T_c), so that all scans resolve the
slowest motion of the order alike; what is then fitted to the results uses neither.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from math import exp
from pathlib import Path
from typing import Any

import gasfield
from gasfield.diagnostics.fields.noisy_attention_law import Form, critical_temperature, jumps_from

DIMENSIONS = (2, 3, 8)
BETAS = (1.0, 2.0, 4.0)
FORMS: tuple[Form, ...] = ("softmax", "unnormalised")
STEP = 0.1
"""h (d - 1) T_c."""
STEEPEST = 0.4
"""h exp(beta) at most: the force between near tokens of unnormalised attention is as steep as exp(beta)."""


def case(d: int, beta: float, form: Form, ratios: list[float], step: float = STEP) -> dict[str, Any]:
    """Keys of a scan over temperatures in units of T_c."""
    critical = critical_temperature(beta, form, d)
    return {
        "space.dimensions": [d], "forces.0.form": [form], "forces.0.beta": [beta],
        "dynamics.time_step": [float(f"{step / (d - 1) / critical:.3g}")],
        "temperature": [float(f"{ratio * critical:.5g}") for ratio in ratios],
    }  # fmt: skip


def fluctuations() -> Iterator[dict[str, Any]]:
    """N <R^2> of disordered gases above the transition, for every beta, dimension and form; where order is stable far
    above T_c (unnormalised attention in eight dimensions at beta = 4, up to 2.27 T_c), beyond that."""
    for beta in BETAS:
        for d in DIMENSIONS:
            for form in FORMS:
                stiff = (d, beta, form) == (8, 4.0, "unnormalised")
                yield {
                    **case(d, beta, form, [2.5, 3.0, 4.0] if stiff else [1.5, 2.0, 2.8]),
                    "gas.0.from.count": [64, 192], "run.steps": [6000], "seeds": 6,
                }  # fmt: skip


def crossing() -> Iterator[dict[str, Any]]:
    """Binder cumulants of gases of two sizes about T_c, where the order sets in continuously."""
    for d in DIMENSIONS:
        for form in FORMS:
            yield {
                **case(d, 1.0, form, [0.8, 0.9, 1.0, 1.1, 1.2]),
                "gas.0.from.count": [64, 256], "run.steps": [10_000], "seeds": 4,
            }  # fmt: skip


def hysteresis(form: Form, beta: float) -> Iterator[dict[str, Any]]:
    """Runs that start in order (all tokens at a pole) and in disorder, about T_c."""
    for d in DIMENSIONS:
        pole = {"kind": "point", "count": 192, "at": [1.0] + [0.0] * (d - 1)}
        far = [1.6, 1.9, 2.2, 2.5] if d == 8 and form == "unnormalised" and beta > 1.0 else []
        made = case(d, beta, form, [0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, *far])
        if form == "unnormalised":
            steepest = float(f"{STEEPEST / exp(beta):.3g}")
            made["dynamics.time_step"] = [min(made["dynamics.time_step"][0], steepest)]
        yield {**made, "gas.0.from": [{"kind": "uniform", "count": 192}, pole], "run.steps": [4000]}


def edge() -> Iterator[dict[str, Any]]:
    """Binder cumulants of gases of two sizes at T_c over beta: they cross where the jump begins."""
    for d in (3, 2, 8):
        middle = jumps_from(d)
        for share in (0.6, 0.85, 1.15, 1.4):
            beta = round(middle * share, 2)
            yield {
                **case(d, beta, "unnormalised", [1.0]),
                "gas.0.from.count": [64, 256], "run.steps": [10_000],
                "seeds": 18 if d == 2 and 1.0 < share < 1.2 else 6,
            }  # fmt: skip


PARTS: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
    "fluctuations": fluctuations,
    "jumps": partial(hysteresis, "unnormalised", 4.0),
    "edge": edge,
    "softmax": partial(hysteresis, "softmax", 4.0),
    "flat": partial(hysteresis, "unnormalised", 1.0),
    "crossing": crossing,
}


def main() -> None:
    """Runs what is left of the scans; each part is a sweep, which goes on where it was."""
    folder, *names = sys.argv[1:]
    for name in names or PARTS:
        for scan in PARTS[name]():
            gasfield.sweep("noisy-attention-phases", scan, output=Path(folder) / name)
            print(name, scan, flush=True)


if __name__ == "__main__":
    main()
