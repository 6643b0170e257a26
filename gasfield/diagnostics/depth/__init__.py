"""Diagnostics of a stream of tokens through the layers of a transformer, where depth takes the part of time."""
