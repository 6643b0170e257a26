"""How models are fitted where least squares alone do not do it."""
