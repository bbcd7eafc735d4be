"""What a server counts, for Prometheus."""

import time
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

CORE_WATTS = 4.4
"""Rated power over cores of an AMD EPYC 7763 (280 W, 64 cores), as in `squeezebert.bench`."""

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
_TOKENS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 65536)


class Metrics:
    """All counters and histograms; each has ``model`` as a label where that is known."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._parts: dict[tuple[Any, ...], Any] = {}
        ProcessCollector(registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(
                f"squeezebert_{name}", text, ["model"], buckets=buckets, registry=registry
            )

        self._requests = Counter(
            "squeezebert_requests",
            "Requests answered or refused.",
            ["model", "status"],
            registry=registry,
        )
        self._items = Counter(
            "squeezebert_items", "Items of answered requests.", ["model"], registry=registry
        )
        self._request_seconds = histogram(
            "request_seconds", "From a request's first byte to its answer's last.", _SECONDS
        )
        self._request_tokens = histogram("request_tokens", "Tokens of a request.", _TOKENS)
        self._queue_seconds = histogram(
            "queue_seconds", "What a request waited for the engine.", _SECONDS
        )
        self._batch_tokens = histogram("batch_tokens", "Tokens of a pass of the engine.", _TOKENS)
        self._engine_seconds = histogram("engine_seconds", "A pass of the engine.", _SECONDS)
        self.waiting = Gauge(
            "squeezebert_waiting_requests",
            "Requests accepted and not yet answered.",
            registry=registry,
        )
        self.lines_lost = Counter(
            "squeezebert_log_lines_lost",
            "Log lines that could not be written, for example to a full disk.",
            registry=registry,
        )
        joules = Gauge(
            "squeezebert_estimated_joules_total",
            "Energy so far: an estimate, not a measurement, from the processor time of this "
            f"process at {CORE_WATTS} W a core.",
            registry=registry,
        )
        joules.set_function(lambda: time.process_time() * CORE_WATTS)

    def saw_pass(self, model: str, tokens: int, seconds: float) -> None:
        """A pass of the engine."""
        self._of(self._batch_tokens, model).observe(tokens)
        self._of(self._engine_seconds, model).observe(seconds)

    def saw_request(self, model: str, status: int, seconds: float) -> None:
        """A request that was answered or refused; ``model`` is empty if it asked for none."""
        self._of(self._requests, model, str(status)).inc()
        self._of(self._request_seconds, model).observe(seconds)

    def saw_work(self, model: str, items: int, tokens: int, queue_seconds: float) -> None:
        """What a request or a piece of a stream had computed."""
        self._of(self._items, model).inc(items)
        self._of(self._request_tokens, model).observe(tokens)
        self._of(self._queue_seconds, model).observe(queue_seconds)

    def _of(self, metric: Any, *labels: str) -> Any:
        """The part of a metric with these labels; looked up here, for its own way is slow."""
        part = self._parts.get((metric, *labels))
        if part is None:
            part = self._parts[(metric, *labels)] = metric.labels(*labels)
        return part

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self._registry)
