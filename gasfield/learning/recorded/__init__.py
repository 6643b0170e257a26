"""What a recording holds of the training behind it: the gradients of its rows, and the law of its optimiser."""

from gasfield.learning.recorded.gradients import RowGradients, are_dead
from gasfield.learning.recorded.law import RecordedLaw

__all__ = ["RecordedLaw", "RowGradients", "are_dead"]
