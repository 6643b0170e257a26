"""What a run will cost: time, memory and disk, predicted from a miniature of it and a calibration of the machine."""

from gasfield.cost.calibration import Calibration, calibrate
from gasfield.cost.cost import Cost, predict_cost

__all__ = ["Calibration", "Cost", "calibrate", "predict_cost"]
