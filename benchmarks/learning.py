"""Learning a map from trajectories beside pysindy and PyDMD: time, memory, error.

Three problems with a known answer, rows in an affine flow with noise, and a whole gas along a few damped oscillations:

    rows       x' = x + a + A x + noise of the motion, D = 64: a linear map of each row; error of A
    quadratic  x' = x + a + A x + one product of coordinates + noise, D = 20: all monomials to degree 2; error of A
    whole      the state is the whole gas, N D = 20,480: five damped oscillations and noise of the measurement;
               error of the eigenvalues

Each fit runs in a process of its own, with one BLAS thread for all, in interleaved rounds, from a file: gasfield's
trajectory, or the same numbers as a NumPy array for the peers. Time is that of reading and fitting; memory the peak of
the process less that of its imports (0 where it does not rise above it). gasfield also chooses or estimates what the
others do not: held-out error over ten blocks, and bootstrap errors from 40 to 200 samples.

    python benchmarks/learning.py --peers PYTHON [--rounds 3] [--frames 401]     PYTHON has pysindy and PyDMD
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.gas import Gas
from gasfield.trajectory import TrajectoryWriter

Array = NDArray[np.float64]

COMMON = """
import json, resource, sys, time
import numpy as np
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
def done(error):
    print(json.dumps({"seconds": time.perf_counter() - start, "peak": peak() - before, "error": float(error)}))
def of_matrix(found):
    return np.linalg.norm(found - truth["matrix"]) / np.linalg.norm(truth["matrix"])
def of_eigenvalues(found):
    return np.abs(truth["eigenvalues"][:, None] - np.asarray(found)[None]).min(axis=1).max()
data, truth = sys.argv[1], np.load(sys.argv[2])
"""
GASFIELD = """
import gasfield, gasfield.learning.fit, gasfield.learning.models.koopman, gasfield.learning.models.linear
before, start = peak(), time.perf_counter()
fit = gasfield.fit(data, json.loads(sys.argv[3]))
terms = {name: term.arrays for name, term in fit.field.terms.items()}
if "hessian" in terms:
    own = terms["hessian"]
    done(of_matrix(own["left"].T @ own["core"] @ own["right"] - terms["decay"]["rate"] * np.eye(len(own["centre"]))))
elif "modes" in terms["koopman"]:
    done(of_eigenvalues(terms["koopman"]["eigenvalues"] @ [1, 1j]))
elif len(terms["koopman"]["table"]):
    own = terms["koopman"]  # the slope at 0 of all monomials
    exponents, axes, at = own["table"].astype(int), own["axes"], own["axes"] @ -own["centre"]
    slopes = np.zeros((len(exponents), len(axes)))
    for number, powers in enumerate(exponents):
        for j in np.flatnonzero(powers):
            lower = powers.copy(); lower[j] -= 1
            slopes[number, j] = powers[j] * np.prod(at ** lower)
    done(of_matrix(own["matrix"] + (own["weights"].T @ slopes) @ axes))
else:
    done(of_matrix(terms["koopman"]["matrix"]))
"""
PYSINDY = """
import pysindy as ps
before, start = peak(), time.perf_counter()
x = np.load(data)
rows = [x[:, n] for n in range(x.shape[1])]
model = ps.DiscreteSINDy(
    optimizer=ps.STLSQ(threshold=0.0, alpha=1e-12), feature_library=ps.PolynomialLibrary(degree=int(sys.argv[3]))
)
model.fit(rows, t=1)
d = x.shape[2]
done(of_matrix(model.coefficients()[:, 1 : d + 1] - np.eye(d)))
"""
PYDMD_ROWS = """
from pydmd import DMD
before, start = peak(), time.perf_counter()
x = np.load(data)
d = x.shape[2]
pairs = [np.vstack([each.reshape(-1, d).T, np.ones(each[..., 0].size)]) for each in (x[:-1], x[1:])]
model = DMD(svd_rank=d + 1, exact=True).fit(*pairs)
full = (model.modes * model.eigs) @ np.linalg.pinv(model.modes)
done(of_matrix(full[:d, :d].real - np.eye(d)))
"""
PYDMD_WHOLE = """
from pydmd import DMD
before, start = peak(), time.perf_counter()
x = np.load(data)
how = {"": {}, "fb": {"forward_backward": True}, "tls": {"tlsq_rank": 11}}[sys.argv[3]]
model = DMD(svd_rank=11, **how).fit(x.reshape(len(x), -1).T)
done(of_eigenvalues(model.eigs))
"""


def flow(d: int, frames: int, rows: int, quadratic: float) -> tuple[Array, dict[str, Array]]:
    """(T, N, D) rows in an affine flow, with a product of two coordinates in the third; and the truth."""
    generator = np.random.default_rng(1)
    q, _ = np.linalg.qr(generator.normal(size=(d, d)))
    matrix, drift = (q * -np.linspace(0.02, 0.2, d)) @ q.T, 1e-2 * generator.normal(size=d)
    x, found = generator.normal(size=(rows, d)), []
    for _ in range(frames):
        found.append(x)
        push = np.zeros_like(x)
        push[:, 2] = quadratic * x[:, 0] * x[:, 1]
        x = x + drift + x @ matrix.T + push + 0.1 * generator.normal(size=x.shape)
    return np.array(found), {"matrix": matrix}


def oscillations(d: int, frames: int, rows: int) -> tuple[Array, dict[str, Array]]:
    """(T, N, D) five damped oscillations of a whole gas about a place, measured with noise; and the eigenvalues."""
    generator = np.random.default_rng(2)
    values = np.exp(-np.array([0.001, 0.002, 0.004, 0.006, 0.008]) + 1j * np.array([0.05, 0.11, 0.2, 0.31, 0.43]))
    times = np.arange(frames)
    modes = generator.normal(size=(5, rows * d)) + 1j * generator.normal(size=(5, rows * d))
    x = generator.normal(size=rows * d) + ((values[None] ** times[:, None]) @ modes).real
    x += 0.5 * generator.normal(size=x.shape)
    return x.reshape(frames, rows, d), {"eigenvalues": np.concatenate([values, values.conj()])}


def store(folder: Path, name: str, x: Array, truth: dict[str, Array]) -> None:
    """The same float64 numbers as a trajectory and as an array."""
    count = x.shape[1]
    gas = Gas(x[0].copy(), np.zeros(count, np.int64), ["cloud"], np.arange(count), [""] * count)
    with TrajectoryWriter(folder / f"{name}.h5", gas, precision="float64", provenance={}) as writer:
        for step, frame in enumerate(x):
            writer.frame(step, float(step), frame)
    np.save(folder / f"{name}.npy", x)
    np.savez(folder / f"{name}-truth.npz", **truth)  # type: ignore[arg-type]


def cases(peers: str) -> list[tuple[str, str, str, str, str]]:
    """(problem, name, interpreter, script, argument)."""
    own = sys.executable
    return [
        ("rows", "gasfield linear, rank 64", own, GASFIELD, json.dumps({"kind": "linear", "rank": 64})),
        ("rows", "gasfield koopman", own, GASFIELD, json.dumps({"kind": "koopman"})),
        ("rows", "pysindy, degree 1", peers, PYSINDY, "1"),
        ("rows", "PyDMD", peers, PYDMD_ROWS, ""),
        ("quadratic", "gasfield koopman, monomials", own, GASFIELD,
         json.dumps({"kind": "koopman", "dictionary": "monomials", "axes": 20})),
        ("quadratic", "pysindy, degree 2", peers, PYSINDY, "2"),
        ("whole", "gasfield koopman, whole", own, GASFIELD,
         json.dumps({"kind": "koopman", "state": "whole", "rank": 10})),
        ("whole", "gasfield koopman, whole, forward-backward", own, GASFIELD,
         json.dumps({"kind": "koopman", "state": "whole", "rank": 10, "noise": "forward_backward"})),
        ("whole", "gasfield koopman, whole, total least squares", own, GASFIELD,
         json.dumps({"kind": "koopman", "state": "whole", "rank": 10, "noise": "total_least_squares"})),
        ("whole", "PyDMD", peers, PYDMD_WHOLE, ""),
        ("whole", "PyDMD, total least squares", peers, PYDMD_WHOLE, "tls"),
        ("whole", "PyDMD, forward-backward", peers, PYDMD_WHOLE, "fb"),
    ]  # fmt: skip


def measure(interpreter: str, script: str, data: Path, truth: Path, argument: str) -> dict[str, Any] | str:
    """One fit in a process of its own; what went wrong if it did."""
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL", "NUMBA")}
    done = subprocess.run(
        [interpreter, "-W", "ignore", "-c", COMMON + script, str(data), str(truth), argument],
        capture_output=True, text=True, env=os.environ | threads, check=False,
    )  # fmt: skip
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", required=True, help="a Python with pysindy and PyDMD")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=401)
    given = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        store(folder, "rows", *flow(64, given.frames, 320, 0.0))
        store(folder, "quadratic", *flow(20, given.frames, 320, 0.02))
        store(folder, "whole", *oscillations(64, given.frames, 320))
        found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for _ in range(given.rounds):
            for problem, case, interpreter, script, argument in cases(given.peers):
                data = folder / f"{problem}.{'h5' if script is GASFIELD else 'npy'}"
                one = measure(interpreter, script, data, folder / f"{problem}-truth.npz", argument)
                if isinstance(one, str):
                    print(f"{problem}, {case}: {one}", file=sys.stderr)
                    continue
                found.setdefault((problem, case), []).append(one)
        print(f"{given.frames} frames, {given.rounds} rounds, one thread\n")
        print("| problem | fit | seconds | peak MB | relative error |\n|---|---|---|---|---|")
        for (problem, case), each in found.items():
            seconds = [one["seconds"] for one in each]
            print(
                f"| {problem} | {case} | {statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f}) | "
                f"{statistics.median(one['peak'] for one in each):.0f} | {each[0]['error']:.2g} |"
            )


if __name__ == "__main__":
    main()
