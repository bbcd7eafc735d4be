"""Answers over HTTP: one process, every task, the interfaces that people's clients speak.

A name brings its module when it is first used: what the defaults are needs no web framework.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from squeezebert.serve.registry import sources_of
    from squeezebert.serve.server import Server
    from squeezebert.serve.settings import Limits, Settings

__all__ = ["Limits", "Server", "Settings", "sources_of"]

_MODULES = {
    "Limits": "settings",
    "Server": "server",
    "Settings": "settings",
    "sources_of": "registry",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
