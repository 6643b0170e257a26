"""Thermodynamics of the next token: spectra, the peak of the heat capacity, its nulls, and a law of the spectrum."""
