"""Cases of `circulation`."""

from __future__ import annotations

import naive

from force_cases.case import Case, cloud, external
from gasfield.spaces import Box, Free

CASES = [
    Case("circulation", "2D", Free(dimensions=2), cloud(2), external(lambda x: (None, naive.circulation(x, 0.7))),
         {"rate": 0.7}, {"rate": 0.707}, conservative=False),
    Case("circulation", "5D", Box(dimensions=5, side=9.0), cloud(5),
         external(lambda x: (None, naive.circulation(x, -0.7))), {"rate": -0.7}, {"rate": -0.707}, conservative=False),
]  # fmt: skip
