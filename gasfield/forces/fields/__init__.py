"""External fields: forces that depend on the particle's own position or velocity."""
