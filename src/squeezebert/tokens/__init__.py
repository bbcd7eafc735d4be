"""Texts as tokens: items, encodings, long texts in parts."""
