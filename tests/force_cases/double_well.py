"""Cases of `double_well`."""

from __future__ import annotations

import naive

from force_cases.case import Case, cloud, external
from gasfield.spaces import Free

TILTED = {"barrier": 2.0, "width": 1.3, "tilt": -0.4, "stiffness": 0.7}
CASES = [
    Case("double_well", "1D", Free(dimensions=1), cloud(1), external(lambda x: naive.double_well(x, 1, 1, 0, 1)),
         {}, {"width": 1.01}),
    Case("double_well", "3D", Free(dimensions=3), cloud(3), external(lambda x: naive.double_well(x, *TILTED.values())),
         TILTED, {"width": 1.313}),
]  # fmt: skip
