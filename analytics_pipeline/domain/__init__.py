"""What numbers mean: pure functions of tables."""
