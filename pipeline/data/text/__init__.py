"""Reviews as sparse binary rows: corpus, vocabulary options, cross-validation."""
