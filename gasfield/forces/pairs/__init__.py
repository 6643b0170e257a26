"""Forces between pairs of particles."""
