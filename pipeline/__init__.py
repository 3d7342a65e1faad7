"""The laboratory's library: stacked training, the paper's protocol, and its analysis."""
