"""NISTP character generator: distorted characters, batched and reproducible by index."""
