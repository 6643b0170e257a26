"""Laws that kernels take as arguments are compiled once for all processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

USE = """
import numpy as np
from gasfield.forces import Surroundings
from gasfield.forces.{module} import {law}
from gasfield.spaces import Free
from force_cases.case import gas_at, pull
force = {law}({parameters}).build(Surroundings(Free(dimensions=2)))
pull(force, gas_at(np.ones((2, 2))))
from gasfield.forces.direct.flat import push_flat
print(sum(push_flat.stats.cache_misses.values()), sum(push_flat.stats.cache_hits.values()))
"""


def compilations(cache: Path, module: str, law: str, parameters: str) -> tuple[int, int]:
    tests = Path(__file__).parents[1]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": f"{tests}{os.pathsep}{tests.parent}"}
    code = USE.format(module=module, law=law, parameters=parameters)
    out = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    misses, hits = out.stdout.split()
    return int(misses), int(hits)


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    soft = ("pairs.soft_repulsion", "SoftRepulsion", "strength=1.0, cutoff=2.0")
    assert compilations(tmp_path, *soft) == (1, 0)
    assert compilations(tmp_path, *soft) == (0, 1)
