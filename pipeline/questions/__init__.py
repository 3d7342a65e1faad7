"""Questions: comparison of activations on a user's data, with a recommendation."""
