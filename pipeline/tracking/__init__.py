"""Finished arms, baselines and experiments as MLflow runs."""
