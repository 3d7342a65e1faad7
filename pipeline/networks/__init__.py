"""K networks of one shape side by side: layers, activations, kernels, metrics."""
