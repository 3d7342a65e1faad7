"""Measurements of trained networks, one file each."""
