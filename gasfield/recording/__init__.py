"""Recordings of real training: a tiny language model to record, and the recorder."""
