"""Figures: a common style, and panels that draw arrays. Result classes draw themselves with these."""
