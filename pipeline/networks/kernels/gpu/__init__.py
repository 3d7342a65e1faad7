"""Fused Triton kernels of a layer, and CUDA graphs of SGD steps."""
