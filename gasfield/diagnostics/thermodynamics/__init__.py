"""Diagnostics of what a gas at a temperature is like, and whether it is in equilibrium."""
