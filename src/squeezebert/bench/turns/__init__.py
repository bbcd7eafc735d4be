"""Contenders in processes of their own, taking turns."""
