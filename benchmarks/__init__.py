"""The engine beside its peers: same networks, same mini-batches, same float32, one run."""
