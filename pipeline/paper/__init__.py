"""The numbers that the paper publishes, with their place in it."""
