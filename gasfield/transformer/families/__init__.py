"""How each family of models stores its parts: one file a family."""
