"""A simulation that is played with in a browser: an engine's process, a server on this machine, and a page."""
