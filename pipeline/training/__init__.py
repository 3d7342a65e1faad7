"""Training of many networks: mini-batches, loop, early stopping, checkpoints, workers."""
