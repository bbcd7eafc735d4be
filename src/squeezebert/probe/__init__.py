"""How much of its teacher a general checkpoint has kept."""
