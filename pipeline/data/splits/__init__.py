"""Splits on disk and in memory: examples, encoding, sparse rows, data per seed."""
