"""Sentences of the report, generated from results."""
