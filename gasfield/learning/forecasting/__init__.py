"""Forecasts beyond a training span: one protocol for every forecaster, with baselines, skill and calibration."""

from gasfield.learning.forecasting.forecasts import forecast
from gasfield.learning.forecasting.protocol import FORECASTERS, Forecaster, History, Predictor, Task, Unavailable
from gasfield.learning.forecasting.result import Forecast

__all__ = ["FORECASTERS", "Forecast", "Forecaster", "History", "Predictor", "Task", "Unavailable", "forecast"]
