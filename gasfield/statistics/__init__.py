"""Statistics beneath diagnostics and inspection: estimates with errors, correlation, blocking, decompositions."""
