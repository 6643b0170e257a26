"""Cases of `harmonic`."""

from __future__ import annotations

import naive

from force_cases.case import Case, cloud, external
from gasfield.spaces import Ball, Free

WELL_3D = {"stiffness": [1.5, 0.0, 4.0], "centre": [0.3, -1.0, 0.2]}
CASES = [
    Case("harmonic", "1D", Free(dimensions=1), cloud(1), external(lambda x: naive.harmonic(x, [2.0], [0.0])),
         {"stiffness": 2.0}, {"stiffness": 2.02}),
    Case("harmonic", "3D", Ball(dimensions=3, radius=9.0), cloud(3),
         external(lambda x: naive.harmonic(x, WELL_3D["stiffness"], WELL_3D["centre"])),
         WELL_3D, {"stiffness": [1.515, 0.0, 4.0]}),
]  # fmt: skip
