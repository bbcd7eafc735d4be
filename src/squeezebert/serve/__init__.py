"""Answers over HTTP: one process, every task, the interfaces that people's clients speak."""

from squeezebert.serve.registry import sources_of
from squeezebert.serve.server import Server
from squeezebert.serve.settings import Limits, Settings

__all__ = ["Limits", "Server", "Settings", "sources_of"]
