"""How fast, small and frugal we are, beside every peer, in one run on one machine."""
