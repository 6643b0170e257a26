"""The models that can be fitted to trajectories, one file each; `MODELS` has them all by kind."""
