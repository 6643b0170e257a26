"""Regression baselines: all data sets and numbers that gasfield produces, stored before a change and compared after it.

    python tests/baselines.py store before.json          on the revision before
    python tests/baselines.py compare before.json        on the revision after: recomputes and compares

Stored are the SHA-256 of each data set (type, shape and bytes) of the trajectory of every shipped scenario and of a
short run of every kind of dynamics, force, space, shape and start, and every number of their `summary.json`; numbers
of the diagnostics of the shipped recordings, of a comparison and of an inspection. Data sets must agree to the bit,
numbers to 1e-12. Groups under `parameters/` describe the provenance of a file and are excluded.

Bits are reproducible only on one machine and build, so baselines are created where they are compared and not shipped.
The scenarios in this file use the names of the first format, which remains readable; `RENAMED` maps keys of results.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
RECORDINGS = ROOT / "scenarios" / "recordings"
TOLERANCE = 1e-12
RENAMED = {
    ".null.": ".permutation_null.",
    ".sky.": ".directions.",
    ".ftle.value": ".ftle.global.value",
    ".ftle.error": ".ftle.global.error",
}
"""Parts of the keys of numbers: before -> after."""

Baseline = dict[str, dict[str, Any]]
"""Name of a case -> name of a data set or number -> digest or value."""


# --- short runs -------------------------------------------------------------------------------------------------------


def _scenario(
    name: str,
    dynamics: dict[str, Any],
    forces: list[dict[str, Any]],
    *,
    dimensions: int = 2,
    count: int = 24,
    spread: float = 1.0,
    space: dict[str, Any] | None = None,
    temperature: Any = None,
    steps: int = 60,
    **more: Any,
) -> dict[str, Any]:
    start = {"kind": "gaussian", "count": count, "spread": spread}
    return {
        "title": name,
        "question": "Do the bits stay?",
        "seed": 11,
        "space": {"dimensions": dimensions, **(space or {"kind": "free"})},
        "gas": more.pop("gas", [{"name": "gas", "from": start}]),
        "forces": forces,
        "dynamics": dynamics,
        **({} if temperature is None else {"temperature": temperature}),
        "run": {"steps": steps, "record_every": 5},
        **more,
    }


APART = [{"name": "gas", "from": {"kind": "places", "at": [[0.7 * i, 0.6 * j] for i in range(5) for j in range(4)]}}]
"""A start in which hard particles do not overlap."""
GENTLE = {"kind": "newton", "time_step": 0.002}
HARMONIC = {"kind": "harmonic", "stiffness": 1.0}
BROWNIAN = {"kind": "brownian", "time_step": 0.01}
NEWTON = {"kind": "newton", "time_step": 0.01}
BOX = {"kind": "periodic", "side": 8.0}
RECORDED = "recordings/kjv-bf16.h5"
TURNED = [[0.3, -1.0], [0.9, 0.1]]
TREE = {"at": [0.0, 0.0], "children": [{"at": [1.0, 0.0], "mass": 2.0}, {"at": [-1.0, 0.5], "stiffness": 0.5}]}

DYNAMICS: dict[str, tuple[dict[str, Any], Any]] = {
    "newton": (NEWTON, None),
    "langevin": ({"kind": "langevin", "time_step": 0.05, "friction": 1.0}, 0.5),
    "langevin-obabo": ({"kind": "langevin", "scheme": "obabo", "time_step": 0.05, "friction": 1.0}, 0.5),
    "brownian": (BROWNIAN, 0.5),
    "brownian-euler": ({"kind": "brownian", "scheme": "euler_maruyama", "time_step": 0.01}, 0.5),
    "nose-hoover": ({"kind": "nose_hoover", "time_step": 0.05, "relaxation_time": 1.0}, 0.5),
    "andersen": ({"kind": "andersen", "time_step": 0.05, "collision_rate": 1.0}, 0.5),
    "advection": ({"kind": "advection", "time_step": 0.05}, None),
    "metropolis": ({"kind": "metropolis", "step_length": 0.5}, 0.5),
    "metropolis-gas": ({"kind": "metropolis", "accept": "gas", "step_length": 0.1}, 0.5),
    "mala": ({"kind": "mala", "time_step": 0.1}, 0.5),
    "hmc": ({"kind": "hmc", "time_step": 0.1, "leapfrog_steps": 4}, 0.5),
    "adamw": ({"kind": "adamw", "learning_rate": 1e-2, "weight_decay": 0.1}, None),
    "adamw-bf16": ({"kind": "adamw", "learning_rate": 1e-2, "parameters": "bfloat16", "state": "bfloat16"}, None),
    "sgd": ({"kind": "sgd", "learning_rate": 1e-2, "momentum": 0.9, "nesterov": True}, None),
    "sgd-bf16": ({"kind": "sgd", "learning_rate": 1e-2, "momentum": 0.5, "parameters": "bfloat16"}, None),
}
FORCES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "harmonic": ({"kind": "harmonic", "stiffness": [1.0, 2.0], "centre": [0.1, 0.2]}, {}),
    "double_well": ({"kind": "double_well", "tilt": 0.1}, {}),
    "mueller_brown": (
        {"kind": "mueller_brown", "scale": 0.1},
        {"gas": [{"name": "gas", "from": {"kind": "gaussian", "count": 24, "spread": 0.1, "centre": [-0.558, 1.442]}}]},
    ),
    "constant": ({"kind": "constant", "force": [0.1, -0.2]}, {}),
    "circulation": ({"kind": "circulation", "rate": 0.5}, {}),
    "soft_repulsion": ({"kind": "soft_repulsion", "strength": 2.0, "range": 1.5}, {"space": BOX}),
    "inverse_power": (
        {"kind": "inverse_power", "diameter": 0.5, "exponent": 12.0, "range": 2.0},
        {"space": BOX, "gas": APART, "law": GENTLE},
    ),
    "lennard_jones": (
        {"kind": "lennard_jones", "diameter": 0.5, "range": 1.5},
        {"space": BOX, "gas": APART, "law": GENTLE},
    ),
    "gravity": ({"kind": "gravity", "softening": 0.1}, {}),
    "dispersion": ({"kind": "dispersion", "rate": 0.3}, {}),
    "coulomb": ({"kind": "coulomb", "softening": 0.2}, {"charged": True}),
    "yukawa": ({"kind": "yukawa", "softening": 0.2, "screening": 1.5}, {"charged": True}),
    "lorentz": ({"kind": "lorentz", "field": 2.0}, {"charged": True, "law": NEWTON}),
    "linear_flow": ({"kind": "linear_flow", "dilation": -0.2, "rotation": [{"plane": [0, 1], "rate": 1.0}]}, {}),
    "gaussian_wells": (
        {"kind": "gaussian_wells", "wells": [{"at": [0.5, 0.0], "depth": 1.0, "width": 0.5}]},
        {},
    ),
    "ridge": ({"kind": "ridge", "through": [0.0, 0.0], "along": [[0.0, 1.0]], "height": 1.0, "width": 0.5}, {}),
    "cliff": ({"kind": "cliff", "through": [0.0, 0.0], "normal": [1.0, 0.0], "height": 1.0, "width": 0.5}, {}),
    "convection": ({"kind": "convection", "speed": 0.5, "cells": {"kind": "rolls", "wave_length": 2.0}}, {}),
    "orbiting_wells": (
        {"kind": "orbiting_wells", "wells": [{"radius": 1.0, "rate": 0.5, "depth": 1.0, "width": 0.5}]},
        {},
    ),
    "landscape": (
        {"kind": "landscape", "temperature": 0.8, "centres": [[0.0, 0.0], [1.5, -0.5]], "widths": [0.5, 1.0]},
        {},
    ),
    "landscape-mixture": (
        {"kind": "landscape", "temperature": 1e-4, "file": RECORDED, "group": "dead", "components": 3},
        {"dimensions": 64, "spread": 0.02},
    ),
    "experts": ({"kind": "experts", "centres": {"count": 8, "seed": 1}, "top": 3}, {}),
    "hierarchy": ({"kind": "hierarchy", "root": TREE}, {}),
    "attention": ({"kind": "attention", "beta": 2.0}, {"space": {"kind": "sphere"}, "dimensions": 3}),
    "attention-heads": ({"kind": "attention", "heads": [{"query": TURNED}, {"value": TURNED}]}, {}),
    "attention-unnormalised": (
        {"kind": "attention", "form": "unnormalised"},
        {"space": {"kind": "sphere"}, "dimensions": 3},
    ),
    "hopfield": ({"kind": "hopfield", "patterns": [[1.0, 0.0], [-0.5, 1.0]], "beta": 3.0}, {}),
    "expression": ({"kind": "expression", "energy": "x0**4 - a*x0**2 + x1**2", "parameters": {"a": 2}}, {}),
    "expression-time": ({"kind": "expression", "force": ["sin(t)", "-x1"]}, {}),
    "pair_expression": ({"kind": "pair_expression", "energy": "exp(-r**2)", "range": 3.0}, {"space": BOX}),
    "emission_receptivity": ({"kind": "emission_receptivity", "softening": 0.3, "emission": {"matrix": TURNED}}, {}),
    "directed_attention": (
        {
            "kind": "directed_attention",
            "heads": [{"direction": [2.0, -1.0], "value": TURNED}, {"direction": [0.0, 3.0]}],
        },
        {},
    ),
    "groups-each": ({"kind": "gravity", "softening": 0.2, "groups": "each"}, {"charged": True}),
    "recorded-full": (
        {"kind": "recorded_gradient", "file": RECORDED, "field": "affine"},
        {
            "dimensions": 64,
            "law": {"kind": "sgd", "learning_rate": 1e-3},
            "gas": [{"name": "dead", "from": {"kind": "recording", "file": RECORDED, "group": "dead", "step": 0}}],
        },
    ),
}
SPACES: dict[str, dict[str, Any]] = {
    "free": {"kind": "free"},
    "periodic": BOX,
    "box": {"kind": "box", "side": 4.0},
    "ball": {"kind": "ball", "radius": 2.0},
    "sphere": {"kind": "sphere"},
}
SHAPES: list[dict[str, Any]] = [
    {"kind": "line", "count": 4, "spacing": 0.2},
    {"kind": "ring", "count": 6, "radius": 0.5},
    {"kind": "helix", "count": 9, "radius": 0.5, "pitch": 0.3},
    {"kind": "sheet", "side": [3, 2], "spacing": 0.2},
    {"kind": "hexagonal", "rings": 1, "spacing": 0.2},
    {"kind": "cubic", "side": 2, "spacing": 0.2},
    {"kind": "bcc", "side": 1, "spacing": 0.2},
    {"kind": "fcc", "side": 1, "spacing": 0.2},
    {"kind": "d4", "spacing": 0.2},
    {"kind": "e8", "spacing": 0.2},
    {"kind": "simplex", "dimensions": 3, "spacing": 0.3},
    {"kind": "cross_polytope", "dimensions": 3, "spacing": 0.3},
    {"kind": "hypercube", "dimensions": 3, "spacing": 0.3},
    {"kind": "shell", "dimensions": 3, "count": 20, "radius": 0.4},
]


def short_scenarios() -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, scenario) of every short run."""
    for name, (law, temperature) in DYNAMICS.items():
        yield f"dynamics-{name}", _scenario(name, law, [HARMONIC], temperature=temperature, dimensions=3)
    for name, (force, how) in FORCES.items():
        how = dict(how)
        law = how.pop("law", BROWNIAN)
        if how.pop("charged", False):
            start = {"kind": "gaussian", "count": 8, "spread": 1.0}
            how["gas"] = [
                {"name": "plus", "from": start, "charge": 1.0, "velocities": {"kind": "thermal", "temperature": 0.3}},
                {"name": "minus", "from": start, "charge": -1.0, "mass": 2.0},
            ]
            if law["kind"] != "newton":
                for group in how["gas"]:
                    group.pop("velocities", None)
        temperature = 0.5 if law is BROWNIAN else None
        yield f"force-{name}", _scenario(name, law, [force], temperature=temperature, **how)
    for name, space in SPACES.items():
        law = {"kind": "langevin", "time_step": 0.05, "friction": 0.5}
        yield f"space-{name}", _scenario(name, law, [], space=space, dimensions=3, temperature=1.0, spread=0.5)
    tracers = [
        {
            "name": f"t{number}",
            "shape": shape,
            "place": {"kind": "centroid", "of": "gas"} if number % 2 else {"kind": "ahead", "of": "gas", "by": 0.5},
            "jitter": 0.01 * (number % 3),
            "plant_at": 0 if number % 2 else 17,
            "active": number % 5 == 0,
        }
        for number, shape in enumerate(SHAPES)
    ]
    looked_at = ["cloud", "motion", "transport", "deformation", "bonds", "flow", "thermodynamics"]
    schedule = {"kind": "ramp", "from": 1.0, "to": 0.1, "steps": 40}
    pairs = {"kind": "soft_repulsion", "strength": 1.0, "range": 0.5}
    yield (
        "tracers",
        _scenario(
            "tracers",
            BROWNIAN,
            [HARMONIC, pairs],
            dimensions=8,
            temperature=schedule,
            tracers=tracers,
            diagnostics=looked_at,
        ),
    )
    yield (
        "tracers-adamw",
        _scenario(
            "tracers",
            DYNAMICS["adamw-bf16"][0],
            [HARMONIC],
            dimensions=8,
            tracers=tracers,
            diagnostics=looked_at,
        ),
    )


# --- what is stored ---------------------------------------------------------------------------------------------------


def datasets(path: Path) -> dict[str, str]:
    """SHA-256 of every data set of a file by its path."""
    found: dict[str, str] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith("parameters/"):
            value = item.asstr()[()] if h5py.check_string_dtype(item.dtype) else item[()]
            array = np.asarray(value)
            data = repr(array.tolist()).encode() if array.dtype == object else np.ascontiguousarray(array).tobytes()
            found[name] = hashlib.sha256(f"{array.dtype} {array.shape}".encode() + data).hexdigest()

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found


def numbers(data: Any, key: str = "") -> dict[str, float | None]:
    """All numbers of a JSON document by dotted key, except wall times."""
    if isinstance(data, dict):
        pairs: Iterator[tuple[str, Any]] = ((str(name), value) for name, value in data.items())
    elif isinstance(data, list):
        pairs = ((str(place), value) for place, value in enumerate(data))
    else:
        wanted = isinstance(data, int | float) or data is None
        return {key: data} if wanted and not key.startswith("run.seconds") else {}
    return {k: v for name, value in pairs for k, v in numbers(value, f"{key}.{name}" if key else name).items()}


def results(data: dict[str, Any]) -> dict[str, float | None]:
    """The numbers of a summary or a diagnosis."""
    return numbers({key: value for key, value in data.items() if key not in ("left_out", "notes")})


def cases(wanted: Callable[[str], bool]) -> Iterator[tuple[str, Callable[[Path], dict[str, Any]]]]:
    """(name, function that computes its baseline in a folder)."""
    import gasfield
    from gasfield.comparison import Comparison
    from gasfield.diagnostics import Diagnosis

    Diagnosis.plot_all = Comparison.plot_all = lambda *_: []  # type: ignore[method-assign]  # no time for pictures

    def run(scenario: str | Path) -> Callable[[Path], dict[str, Any]]:
        def make(folder: Path) -> dict[str, Any]:
            result = gasfield.run(scenario, output=folder / "run")
            found: dict[str, Any] = dict(datasets(folder / "run" / "trajectory.h5"))
            return found | results(result.summary)

        return make

    def written(scenario: dict[str, Any]) -> Callable[[Path], dict[str, Any]]:
        def make(folder: Path) -> dict[str, Any]:
            path = folder / "scenario-of-baseline.yaml"
            path.write_text(json.dumps(scenario, indent=1))
            return run(path)(folder)

        return make

    def diagnosed(path: Path) -> Callable[[Path], dict[str, Any]]:
        def make(folder: Path) -> dict[str, Any]:
            with gasfield.open(path) as trajectory:
                return results(gasfield.diagnose(trajectory).as_json())

        return make

    def compared(folder: Path) -> dict[str, Any]:
        with gasfield.open(RECORDINGS / "kjv-bf16.h5") as real, gasfield.open(RECORDINGS / "kjv-fp32.h5") as other:
            return results(gasfield.compare(real, other).as_json())

    def inspected(folder: Path) -> dict[str, Any]:
        return results(gasfield.inspect(RECORDINGS / "kjv-bf16.h5").as_json())

    for path in sorted((ROOT / "scenarios").glob("*.yaml")):
        yield path.stem, run(path)
    for name, scenario in short_scenarios():
        yield name, written(scenario)
    for path in sorted(RECORDINGS.glob("*.h5")):
        yield f"diagnose-{path.stem}", diagnosed(path)
    yield "compare", compared
    yield "inspect", inspected


def make_baseline(only: str) -> Baseline:
    """The baselines of all cases whose name contains `only`."""
    found: Baseline = {}
    for name, make in cases(lambda name: only in name):
        if only not in name:
            continue
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            try:
                found[name] = make(Path(folder))
            except Exception as fault:  # a case that cannot be made is a difference, and the others are still wanted
                found[name] = {"fault": f"{type(fault).__name__}: {fault}"}
        fault_text = f"  {found[name]['fault']}" if "fault" in found[name] else ""
        print(f"{name}: {len(found[name])} in {time.perf_counter() - began:.1f} s{fault_text}", flush=True)
    return found


# --- comparison -------------------------------------------------------------------------------------------------------


def renamed(key: str) -> str:
    """The key of a number after the change."""
    for before, after in RENAMED.items():
        key = key.replace(before, after)
    return key


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The differences in a case, one line each."""
    before = {renamed(key): value for key, value in before.items() if key != "left_out"}
    lines = [f"{key}: removed" for key in before if key not in after]
    lines += [f"{key}: added" for key in after if key not in before]
    for key in before.keys() & after.keys():
        old, new = before[key], after[key]
        if old == new:
            continue
        both = isinstance(old, int | float) and isinstance(new, int | float)
        if not (both and math.isclose(old, new, rel_tol=TOLERANCE, abs_tol=0.0)):
            lines.append(f"{key}: {str(old)[:70]} -> {str(new)[:70]}")
    return sorted(lines)


def main() -> int:
    """Stores or compares baselines; exit code 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["store", "compare"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    arguments = parser.parse_args()
    found = make_baseline(arguments.only)
    faults = [name for name, case in found.items() if "fault" in case]
    if arguments.action == "store":
        arguments.file.write_text(json.dumps(found, indent=0) + "\n")
        print(f"{arguments.file}: {len(found)} cases, of which {len(faults)} failed")
        return int(bool(faults))
    stored: Baseline = json.loads(arguments.file.read_text())
    wanted = {name: case for name, case in stored.items() if arguments.only in name}
    differ = 0
    for name in sorted(wanted.keys() | found.keys()):
        lines = differences(wanted.get(name, {}), found.get(name, {}))
        differ += bool(lines)
        for line in lines[:20]:
            print(f"DIFFERS {name}: {line}")
        if len(lines) > 20:
            print(f"DIFFERS {name}: and {len(lines) - 20} more")
    print(f"{len(wanted)} cases, {sum(map(len, wanted.values()))} data sets and numbers: {differ} cases differ")
    return int(bool(differ))


if __name__ == "__main__":
    from gasfield.kernels.cache import key_by_sources

    key_by_sources()
    sys.exit(main())
