"""Attention: forces from a weighted mean over all particles, or over stored patterns."""
