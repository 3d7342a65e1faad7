"""Library of the reproduction: data, stacked training, the protocol of the paper, its analysis."""
