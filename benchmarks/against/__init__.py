"""Other programs at the same problems, one file each; each runs in an environment of its own (`benchmarks.peers`)."""
