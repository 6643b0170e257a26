"""What a worker of a sweep would otherwise import with its first point: importing this module imports all of it."""

from __future__ import annotations

import gasfield.sweeps.task  # noqa: F401
from gasfield.diagnostics import DIAGNOSTICS
from gasfield.dynamics import DYNAMICS
from gasfield.forces import FORCES
from gasfield.operations import OPERATIONS
from gasfield.scenario.sources import GAS_SOURCES
from gasfield.spaces import SPACES
from gasfield.tracers.shapes import SHAPES

for registry in (SPACES, FORCES, DYNAMICS, GAS_SOURCES, SHAPES, OPERATIONS, DIAGNOSTICS):
    list(registry)  # imports the modules of its kinds
