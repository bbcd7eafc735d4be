"""GLUE, trained and scored with the shipped defaults."""
