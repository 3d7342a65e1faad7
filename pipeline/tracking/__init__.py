"""MLflow runs of finished arms, baselines and experiments."""
