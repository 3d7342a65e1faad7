"""Experiments beside the arms: what is varied, and how its networks are trained and scored."""
