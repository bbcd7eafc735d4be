"""Engines that take part, ours and others', behind one contract; each runs in its own process."""
