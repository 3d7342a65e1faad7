"""Benchmarks of the engine beside its peers: the same networks, mini-batches and float32."""
