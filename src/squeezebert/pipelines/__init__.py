"""What a user calls: text in, typed predictions out."""

from squeezebert.pipelines.classification import Classification, Classifier
from squeezebert.pipelines.embedding import Embedder, Embedding, Similarity
from squeezebert.pipelines.loading import load
from squeezebert.pipelines.search import Match, SearchResult, TextSearch
from squeezebert.pipelines.tasks import Pipeline

__all__ = [
    "Classification",
    "Classifier",
    "Embedder",
    "Embedding",
    "Match",
    "Pipeline",
    "SearchResult",
    "Similarity",
    "TextSearch",
    "load",
]
