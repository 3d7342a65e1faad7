"""Conditions of an experiment: their training in one queue and their test scores."""
