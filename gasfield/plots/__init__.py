"""Pictures: one look for all of them, and panels that draw arrays. Results are drawn by what makes them."""
