"""Activation functions and the hidden units built from them."""
