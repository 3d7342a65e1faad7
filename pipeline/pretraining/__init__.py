"""Greedy layer-wise pre-training with denoising auto-encoders."""
