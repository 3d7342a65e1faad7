"""Comparison across datasets: verdicts side by side, pooled effects, ranks of arms, LaTeX."""
