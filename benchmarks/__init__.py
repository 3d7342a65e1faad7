"""Benchmarks of the engine against other libraries: same networks, mini-batches and float32."""
