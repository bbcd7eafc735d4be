"""What a server is asked to do, and how much it takes on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one request may hold, and how much may wait.

    Attributes:
        body_bytes: of a request's body; of JSON lines, of a line.
        items: of one request.
        text_characters: of one text.
        waiting: requests that are accepted and not yet answered.
        waiting_characters: of their texts together; a single request may exceed it.
        answer_seconds: after which an accepted request that has no answer yet is given up.
        body_seconds: in which a body, or the next piece of a stream, has to arrive.
        learn_bytes: of a file to learn from.
        pass_tokens: that the engine computes at once. More would gain nothing and keep others
            waiting.
    """

    body_bytes: int = 8 << 20
    items: int = 1024
    text_characters: int = 1_000_000
    waiting: int = 256
    waiting_characters: int = 8_000_000
    answer_seconds: float = 60.0
    body_seconds: float = 30.0
    learn_bytes: int = 64 << 20
    pass_tokens: int = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A server's settings.

    Attributes:
        sources: the folder of each model by its name; see `squeezebert.serve.registry.sources_of`.
        default: the model of requests that name none.
        host: address to listen at.
        port: port to listen at; 0 is any free one.
        uds: a Unix domain socket to listen at instead.
        api_key: without which nothing but health is answered; None for no key.
        preload: whether all models are loaded before the first request.
        watch: whether a bundle that is replaced by another is taken up.
        grace_seconds: how long what was accepted may take after SIGTERM.
        allow_learn: whether files may be sent to learn from, and what was learnt be served.
        threads: of the engine; by default as many as there are processors.
        limits: how much is accepted at once.
    """

    sources: Mapping[str, Path]
    default: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    uds: Path | None = None
    api_key: str | None = None
    preload: bool = False
    watch: bool = False
    grace_seconds: float = 30.0
    allow_learn: bool = False
    threads: int | None = None
    limits: Limits = field(default_factory=Limits)
