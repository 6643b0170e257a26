"""One file a format: what reads its tensors."""
