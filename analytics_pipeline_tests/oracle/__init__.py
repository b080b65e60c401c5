"""The second way of computing every figure, from the simulated store's records."""
