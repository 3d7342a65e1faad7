"""Elementary functions, sums and softmax with the same bits on every CPU."""
