"""Experiments, one file each: the conditions whose networks are trained."""
