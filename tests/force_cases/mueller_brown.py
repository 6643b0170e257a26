"""Cases of `mueller_brown`."""

from __future__ import annotations

import naive

from force_cases.case import Case, cloud, external
from gasfield.spaces import Free

CASES = [
    Case("mueller_brown", "2D", Free(dimensions=2), cloud(2, 0.5), external(lambda x: naive.mueller_brown(x, 0.05)),
         {"scale": 0.05}, {"scale": 0.0505}),
]  # fmt: skip
