"""Fields: forces that depend on the place, or the velocity, of a particle alone."""
