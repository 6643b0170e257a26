"""Attention: forces in which every particle weighs all others, or a memory, at once."""
