"""Data alone: bundles and checkpoints, which squeezebert finds by their names."""
