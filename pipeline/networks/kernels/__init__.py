"""Fused kernels of a layer for CPU and GPU, and their dispatch."""
