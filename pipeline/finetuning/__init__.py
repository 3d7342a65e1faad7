"""Supervised training: backpropagation over a grid of learning rates."""
