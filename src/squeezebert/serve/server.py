"""A process that serves: from settings to the last answer."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import uvicorn

from squeezebert.errors import InputError
from squeezebert.serve.app import create_app
from squeezebert.serve.journal import Journal
from squeezebert.serve.metrics import Metrics
from squeezebert.serve.queueing.turns import Turns
from squeezebert.serve.registry import Registry, Watcher
from squeezebert.serve.service import Service
from squeezebert.serve.settings import Settings

# What those who send requests here may take to notice that it is not ready any more.
_NOTICE_SECONDS = 1.0
# Above the 60 s of common proxies, which would else send to a connection that is being closed.
_KEEP_ALIVE_SECONDS = 75
_BACKLOG = 2048  # connections that wait to be accepted


class Server:
    """Answers requests until it is stopped.

    Args:
        started: is told the address once it listens.
        log: the file descriptor that JSON lines are written to; by default, stdout's.

    Raises:
        InputError: the default model is not served.
        BundleError: a folder holds no bundle.
    """

    def __init__(
        self, settings: Settings, started: Callable[[str], object], *, log: int = 1
    ) -> None:
        self._settings = settings
        self._metrics = metrics = Metrics()
        self._journal = Journal(log, metrics.lines_lost.inc)
        turns = Turns(settings.limits.pass_tokens, metrics.saw_pass)
        self.registry = Registry(
            settings.sources, turns.engine, threads=settings.threads, default=settings.default
        )
        self.service = Service(self.registry, turns, settings.limits, metrics)
        self._lessons = None
        if settings.allow_learn:
            from squeezebert.serve.lessons import Lessons  # only here: it takes a while to import

            self._lessons = Lessons()
        self._http = _Http(
            uvicorn.Config(
                create_app(self.service, self._journal, settings.api_key, self._lessons),
                host=settings.host,
                port=settings.port,
                uds=str(settings.uds) if settings.uds else None,
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            ),
            self.service,
            settings.grace_seconds,
            started,
        )

    def run(self) -> None:
        """Answers until SIGTERM, SIGINT or `stop`.

        Raises:
            BundleError: a bundle that is to be loaded before can't be used.
            InputError: the address can't be listened at.
        """
        watcher = None
        try:
            if self._settings.preload:
                self.service.preload()
            if self._settings.watch:
                watcher = Watcher(self.registry, self._report)
            self.service.loaded.set()
            self._http.run(self._sockets())
        finally:
            if watcher is not None:
                watcher.close()
            self.service.close()
            if self._lessons is not None:
                self._lessons.close()
            self._journal.close()

    def stop(self) -> None:
        """Lets `run` end, from another thread.

        It is not ready any more, answers what was accepted and what still comes for a second, stops
        listening, and ends when all is answered or the time of grace is over.
        """
        self._http.stop_soon()

    def _sockets(self) -> list[socket.socket] | None:
        """Ours to open, since uvicorn would end the process at an address that is taken."""
        if self._settings.uds is not None:
            return None
        host, port = self._settings.host, self._settings.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            return [socket.create_server((host, port), family=family, backlog=_BACKLOG)]
        except OSError as error:
            raise InputError(
                f"{host}, port {port}, can't be listened at: {os.strerror(error.errno or 0)}. Name "
                "another port or host, or end what listens there."
            ) from error

    def _report(self, name: str, folder: str, reason: str | None) -> None:
        event = "model_replaced" if reason is None else "model_kept"
        self._journal.write(event, model=name, folder=folder, reason=reason)


class _Http(uvicorn.Server):
    """Uvicorn's server, but a signal lets it answer what comes before it stops listening."""

    def __init__(
        self,
        config: uvicorn.Config,
        service: Service,
        grace_seconds: float,
        started: Callable[[str], object],
    ) -> None:
        super().__init__(config)
        self._service = service
        self._grace_seconds = grace_seconds
        self._tell = started
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Takes signals in the loop, and doesn't raise them again: the exit status is 0."""
        self._loop = asyncio.get_running_loop()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._loop.add_signal_handler(number, self._stop)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens, and tells where."""
        await super().startup(sockets)
        if self.started:
            self._tell(self._address())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes who has connected already, listens no more, and answers all of them.

        Uvicorn alone would reset the connections that the kernel has accepted and it has not, and
        close those whose request is still on its way.
        """
        waiting = [connection for each in sockets or () for connection in _waiting(each)]
        for server in self.servers:
            server.close()
        loop = asyncio.get_running_loop()
        for connection in waiting:
            await loop.connect_accepted_socket(self._protocol, connection)
        await asyncio.sleep(min(_NOTICE_SECONDS, self._grace_seconds / 4))
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]  # as uvicorn calls it
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    def stop_soon(self) -> None:
        """Begins to stop, from another thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop)

    def _address(self) -> str:
        if self.config.uds is not None:
            return f"unix:{self.config.uds}"
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def _stop(self) -> None:
        if self._stopping is not None:  # a second time: at once
            self.should_exit = self.force_exit = True
            return
        self._service.stopping = True
        self._stopping = asyncio.get_running_loop().create_task(self._stop_in_time())

    async def _stop_in_time(self) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._grace_seconds
        await asyncio.sleep(min(_NOTICE_SECONDS, self._grace_seconds / 4))
        # Annotated as an int, but it is a timeout of asyncio's.
        left = max(end - loop.time() - 0.5, 0.1)
        self.config.timeout_graceful_shutdown = left  # type: ignore[assignment]
        self.should_exit = True


def _waiting(listening: socket.socket) -> Iterator[socket.socket]:
    """The connections that wait to be accepted."""
    listening.setblocking(False)
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        connection.setblocking(False)
        yield connection
