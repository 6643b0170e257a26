"""Statistics used by diagnostics and inspection: estimates with errors, correlation, blocking, decompositions."""
