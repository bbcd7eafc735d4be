"""Lets the interpreter end while daemon threads are inside extension modules.

A thread that comes back from such a call while the interpreter finalises is unwound on the spot,
which code in C++ or Rust answers by aborting the process. So the end waits for the calls under way,
which are short, and no thread begins another.
"""

import atexit
import os
import threading

_PATIENCE = 60.0  # seconds; a call that takes longer is not waited for


class _ExtensionCalls:
    """A context manager around calls of extension modules that release the GIL."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._inside: set[int] = set()
        self._ending: int | None = None  # the thread that ends the interpreter

    def __enter__(self) -> None:
        thread = threading.get_ident()
        with self._changed:
            while self._ending not in (None, thread):  # for ever: the interpreter ends
                self._changed.wait()
            self._inside.add(thread)

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._inside.discard(threading.get_ident())
            if self._ending is not None:
                self._changed.notify_all()

    def finish(self) -> None:
        """Waits for the calls under way; other threads than this one begin no more of them."""
        with self._changed:
            self._ending = threading.get_ident()
            self._inside.discard(self._ending)
            self._changed.wait_for(lambda: not self._inside, _PATIENCE)

    def forget(self) -> None:
        """Starts anew in a forked child, where other threads don't exist and may hold the lock."""
        self._begin()


extension_call = _ExtensionCalls()

atexit.register(extension_call.finish)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=extension_call.forget)
