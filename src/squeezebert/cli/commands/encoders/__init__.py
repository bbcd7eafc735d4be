"""The commands that make encoders, one file each."""
