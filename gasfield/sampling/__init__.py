"""Tokens and sequences of a language model at a temperature: sampling, and exact and sampled thermodynamics."""
