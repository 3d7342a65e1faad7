"""What runs on a GPU alone: fused kernels, and steps that are recorded and played again."""
