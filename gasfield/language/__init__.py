"""Language models on this machine: their logits, from a folder, a GGUF file or a file of logits."""
