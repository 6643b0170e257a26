"""The twin of a law in float32 computes in float32 from beginning to end, and agrees with the law to its digits."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from force_cases import all_cases
from force_cases.case import Case
from numba import types

from gasfield.forces import ExternalForce, pointwise_kernel
from gasfield.forces.fields.double_well import double_well
from gasfield.forces.pairwise import PairForce
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
