"""Numbers as functions of the step: constant, ramp, exponential, cosine, piecewise, table, warm-up with decay.

Schedules are evaluated at every step, so a run continues across their changes.
"""

from gasfield.schedules.base import Constant, Schedule, Step
from gasfield.schedules.choice import AnySchedule, AnyTemperature, ByGroup, ScheduleKind
from gasfield.schedules.passages import Cosine, Exponential, Ramp
from gasfield.schedules.points import Piecewise, Table
from gasfield.schedules.warmup import Warmup, WarmupCosine, WarmupLinear
from gasfield.schedules.within import fixed_at, schedules_in

__all__ = [
    "AnySchedule", "AnyTemperature", "ByGroup", "Constant", "Cosine", "Exponential", "Piecewise", "Ramp", "Schedule",
    "ScheduleKind", "Step", "Table", "Warmup", "WarmupCosine", "WarmupLinear", "fixed_at", "schedules_in",
]  # fmt: skip
