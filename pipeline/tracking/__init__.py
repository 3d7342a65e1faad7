"""Finished arms in MLflow."""
