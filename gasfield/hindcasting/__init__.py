"""Hindcasts: a recorded training, simulated again from its recording alone, and where and why the two depart."""

from gasfield.hindcasting.departure import Departure
from gasfield.hindcasting.hindcast import explain_updates, hindcast
from gasfield.hindcasting.plan import Plan, plan_hindcast
from gasfield.hindcasting.result import HindcastResult
from gasfield.hindcasting.terms import Terms

__all__ = ["Departure", "HindcastResult", "Plan", "Terms", "explain_updates", "hindcast", "plan_hindcast"]
