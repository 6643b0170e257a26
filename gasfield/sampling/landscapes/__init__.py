"""Tokens as the states of a discrete landscape: neighbours in the embedding, Metropolis moves, basins, kinetics."""
