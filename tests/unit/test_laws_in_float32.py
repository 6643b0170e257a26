"""The twin of a law in float32 computes in float32 from beginning to end, and agrees with the law to its digits."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from force_cases import all_cases
from force_cases.case import Case
from numba import jit, types

from gasfield.forces import ExternalForce, pointwise_kernel
from gasfield.forces.fields.double_well import double_well
from gasfield.forces.pairwise import PairForce
from gasfield.kernels.flags import EXACT
from gasfield.kernels.pointwise import in_float32, parameters_in_float32


def laws() -> dict[str, Case]:
    """A case of every law."""
    found: dict[str, Case] = {}
    for case in all_cases():
        if isinstance(force := case.force(), ExternalForce | PairForce):
            found.setdefault(name_of(force._law), case)
    return found


def name_of(law: Any) -> str:
    return str(law._uuid)


CASES = laws()
QUICK = ("double_well", "cliff", "lennard_jones", "yukawa")
DISTANCES = np.array([0.3, 0.8, 1.1, 1.9, 2.3])


def felt(law: Any, case: Case, single: bool) -> np.ndarray:
    """(N, D) force of a field at the places of a case, or (5, 3) values of a pair law."""
    force: Any = case.force()
    gas = case.gas()
    kind = np.float32 if single else np.float64
    if isinstance(force, ExternalForce):
        p = parameters_in_float32(force.parameters(gas)) if single else force.parameters(gas)
        places, out = gas.positions.astype(kind), np.zeros(gas.positions.shape, kind)
        for place, row in zip(places, out, strict=True):
            law(place, p, row)
        return out
    p = parameters_in_float32(force._parameters) if single else force._parameters
    return np.array([law(kind(u), p) for u in DISTANCES])


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=[] if case.kind in QUICK else pytest.mark.validate) for case in CASES.values()],
    ids=str,
)
def test_a_twin_computes_in_float32(case: Case) -> None:
    built: Any = case.force()
    law = built._law
    twin = in_float32(law)
    right, single = felt(law, case, single=False), felt(twin, case, single=True)
    assert np.allclose(single, right, rtol=2e-4, atol=2e-5 * np.abs(right).max())
    assert wide_variables(twin) == []


def wide_variables(law: Any) -> list[str]:
    """Variables of a compiled law in float64."""
    (compiled,) = law.overloads.values()
    return [name for name, kind in compiled.type_annotation.typemap.items() if kind == types.float64]


@pointwise_kernel
def wide(u, p):  # type: ignore[no-untyped-def]
    """An integer beside a float32 gives a float64."""
    return u * len(p), u, u


def test_a_law_that_leaves_float32_is_noticed() -> None:
    twin = in_float32(wide)
    twin(np.float32(1.0), (np.float32(1.0), np.float32(2.0)))
    assert wide_variables(twin)
    assert in_float32(wide) is twin


def test_the_name_of_a_twin_is_the_same_in_every_process() -> None:
    program = (
        "from gasfield.kernels.pointwise import in_float32; from gasfield.forces.fields.double_well import double_well;"
        "print(in_float32(double_well)._uuid)"
    )
    elsewhere = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip()
    assert elsewhere == name_of(in_float32(double_well))
    assert elsewhere.endswith(":float32")


# --- functions --------------------------------------------------------------------------------------------------------


@jit(**EXACT)
def each(function, x, result):
    for i in range(x.size):
        result[i] = function(x[i])


@pointwise_kernel
def exp_of(x):  # type: ignore[no-untyped-def]
    return math.exp(x)


@pointwise_kernel
def log_of(x):  # type: ignore[no-untyped-def]
    return math.log(x)


@pointwise_kernel
def sin_of(x):  # type: ignore[no-untyped-def]
    return math.sin(x)


@pointwise_kernel
def cos_of(x):  # type: ignore[no-untyped-def]
    return math.cos(x)


ENDS = np.array([0.0, np.inf, -np.inf, np.nan, 1e-45, 88.72, 88.73, -87.3, -103.9, -104.1, 3e38], np.float32)
CHANCE = np.random.default_rng(0)
WIDE = np.concatenate([CHANCE.uniform(-100.0, 100.0, 300_000), ENDS]).astype(np.float32)
FUNCTIONS = [
    (exp_of, np.exp, WIDE),
    (log_of, np.log, np.exp(WIDE.clip(-103.0, 88.0))),
    (log_of, np.log, np.concatenate([CHANCE.uniform(0.5, 2.0, 300_000), ENDS]).astype(np.float32)),
    (sin_of, np.sin, WIDE[np.abs(WIDE) < 1e6]),
    (cos_of, np.cos, 100.0 * WIDE[np.abs(WIDE) < 1e6]),
]


@pytest.mark.parametrize(("law", "exact", "x"), FUNCTIONS, ids=lambda each: getattr(each, "__name__", ""))
def test_functions_are_within_two_units_in_the_last_place(law: Any, exact: Any, x: np.ndarray) -> None:
    result = np.empty(x.size, np.float32)
    each(in_float32(law), x, result)
    with np.errstate(all="ignore"):
        expected = exact(x.astype(np.float64))
        single = expected.astype(np.float32)
    special = ~np.isfinite(single)
    assert np.array_equal(result[special], single[special], equal_nan=True)
    off = np.abs(result[~special] - expected[~special]) / np.spacing(np.abs(single[~special]))
    assert off.max() < 2.0
