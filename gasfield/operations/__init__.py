"""Operations: what happens along the way of a simulation, each fired by a trigger; one file an operation."""

from gasfield.operations.base import (
    OPERATIONS,
    AnyOperation,
    Callback,
    Operation,
    OperationSpec,
    SimulationLike,
    TrainingPair,
)
from gasfield.operations.checkpoints import Checkpointer
from gasfield.operations.extrapolation import ExtrapolationWatch
from gasfield.operations.observables import Observables, observe
from gasfield.operations.progress import Progress, ProgressReporter
from gasfield.operations.stability import StabilityMonitor
from gasfield.operations.trajectory import TrajectoryRecorder
from gasfield.operations.triggers import STRIDE, AnyOf, AnyTrigger, At, Every, Seconds, Trigger, any_of, trigger_of

__all__ = [
    "OPERATIONS", "STRIDE", "AnyOf", "AnyOperation", "AnyTrigger", "At", "Callback", "Checkpointer", "Every",
    "ExtrapolationWatch", "Observables", "Operation", "OperationSpec", "Progress", "ProgressReporter", "Seconds",
    "SimulationLike", "StabilityMonitor", "TrainingPair", "TrajectoryRecorder", "Trigger", "any_of", "observe",
    "trigger_of",
]  # fmt: skip
