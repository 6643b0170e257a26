"""The parts of a trained transformer: attention and MLPs, which move tokens from layer to layer."""
