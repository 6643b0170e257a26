"""Diagnostics of how rows move, each for itself and together."""
