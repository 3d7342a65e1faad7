"""Measured networks of the experiments, on a page with a slider for the number that was varied."""
