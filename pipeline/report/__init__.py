"""From results to pages: figures, words, one HTML file, the README's tables."""
