"""Forecasts without a learned field; every model is measured against them."""
