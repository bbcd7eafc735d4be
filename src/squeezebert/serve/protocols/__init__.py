"""The interfaces: each turns its wire form into items, and predictions into its wire form."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter

from squeezebert.serve.protocols import (
    embeddings_inference,
    huggingface,
    kserve,
    lines,
    native,
    openai,
    operations,
)
from squeezebert.serve.service import Service

ROUTERS: Sequence[Callable[[Service], APIRouter]] = (
    operations.router,
    native.router,
    lines.router,
    openai.router,
    huggingface.router,
    embeddings_inference.router,
    kserve.router,
)
