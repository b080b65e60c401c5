"""The simulated store; it imports nothing of the product."""
