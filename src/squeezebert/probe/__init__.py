"""The yardstick of general checkpoints."""
