"""GROMACS (mixed precision), as installed on this machine: `python -m benchmarks.against.gromacs CELLS THREADS`."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.problems import Melt
from benchmarks.timing import about, report

DIAMETER, DEPTH, MASS = 0.34, 0.997, 39.948
"""Argon in its units: nm, kJ/mol, u; the unit of time is ps."""
BOLTZMANN = 0.00831446261815324
TOPOLOGY = """
[ defaults ]
1 1 no 1.0 1.0
[ atomtypes ]
AR 18 {mass} 0.0 A {c6:.9e} {c12:.9e}
[ moleculetype ]
Argon 1
[ atoms ]
1 AR 1 AR AR 1 0.0 {mass}
[ system ]
melt
[ molecules ]
Argon {count}
"""
SETTINGS = """
integrator = md
dt = {time_step:.9f}
nsteps = {steps}
cutoff-scheme = Verlet
nstenergy = 100
nstcalcenergy = 100
nstlog = 0
nstxout = 0
coulombtype = Cut-off
rcoulomb = {cutoff:.6f}
rvdw = {cutoff:.6f}
tcoupl = no
pcoupl = no
gen-vel = yes
gen-temp = {temperature:.4f}
"""


def coordinates(melt: Melt) -> str:
    """A file of the format gro [nm]."""
    places, side = melt.positions() * DIAMETER, melt.side * DIAMETER
    rows = [
        f"{(i + 1) % 100000:5d}{'AR':<5s}{'AR':>5s}{(i + 1) % 100000:5d}{x:12.7f}{y:12.7f}{z:12.7f}"
        for i, (x, y, z) in enumerate(places)
    ]
    return "\n".join(["melt", str(len(places)), *rows, f"{side:.7f} {side:.7f} {side:.7f}", ""])


def main(cells: int, threads: int) -> None:
    """Times the second half of a run."""
    gmx = shutil.which("gmx")
    if gmx is None:
        raise SystemExit("gmx is not installed; on Debian: apt-get install gromacs")
    melt, time_unit = Melt(cells), DIAMETER * np.sqrt(MASS / DEPTH)
    steps = max(400, 16_000_000 // melt.count // 100 * 100)
    texts = {
        "melt.gro": coordinates(melt),
        "melt.top": TOPOLOGY.format(
            mass=MASS, count=melt.count, c6=4 * DEPTH * DIAMETER**6, c12=4 * DEPTH * DIAMETER**12
        ),
        "melt.mdp": SETTINGS.format(
            time_step=melt.time_step * time_unit,
            steps=steps,
            cutoff=melt.cutoff * DIAMETER,
            temperature=melt.temperature * DEPTH / BOLTZMANN,
        ),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            (Path(folder) / name).write_text(text)
        prepare = [
            gmx,
            "grompp",
            "-f",
            "melt.mdp",
            "-c",
            "melt.gro",
            "-p",
            "melt.top",
            "-o",
            "melt.tpr",
            "-maxwarn",
            "9",
        ]
        run = [gmx, "mdrun", "-s", "melt.tpr", "-ntmpi", "1", "-ntomp", str(threads), "-pin", "off", "-resethway"]
        run += ["-noconfout", "-nb", "cpu"]
        for command in (prepare, run):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"gromacs did not run: {done.stderr[-800:]}")
        log = (Path(folder) / "md.log").read_text()
    nanoseconds_a_day = float(re.findall(r"^Performance:\s+(\S+)", log, re.MULTILINE)[-1])
    steps_a_second = nanoseconds_a_day * 1000.0 / 86400.0 / (melt.time_step * time_unit)
    report(f"GROMACS mixed {threads} threads", f"N={melt.count}", melt.count * steps_a_second, "particle-steps/s")
    words = re.search(r"GROMACS version:\s+(\S+)", log), re.search(r"SIMD instructions:\s+(\S+)", log)
    about(threads=threads, more=f"GROMACS {words[0][1]} with {words[1][1]}" if all(words) else "GROMACS")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
