"""Products of a mini-batch with large weights, compiled for the processor at hand."""
