"""Populations of K networks of one shape: layers, activations, kernels, metrics."""
