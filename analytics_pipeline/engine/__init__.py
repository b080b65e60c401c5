"""The engines that run the Ibis expressions."""
