"""Diagnostics of how rows move, individually and collectively."""
