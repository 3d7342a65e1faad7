"""Figures of the report with their captions."""
