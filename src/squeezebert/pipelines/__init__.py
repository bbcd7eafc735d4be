"""What a user calls: text in, typed predictions out."""

from squeezebert.pipelines.classification import Classification, Classifier
from squeezebert.pipelines.embedding import Embedder, Embedding, Similarity
from squeezebert.pipelines.entities import Entities, Entity, EntityFinder, WordEntity
from squeezebert.pipelines.hidden_words import Guess, Guesses, HiddenWord, WordGuesser
from squeezebert.pipelines.loading import load
from squeezebert.pipelines.multi_task import MultiTaskPipeline
from squeezebert.pipelines.question_answering import Answer, Candidate, QuestionAnswerer
from squeezebert.pipelines.search import Match, SearchResult, TextSearch
from squeezebert.pipelines.tasks import Pipeline
from squeezebert.pipelines.zero_shot import ZeroShotClassifier

__all__ = [
    "Answer",
    "Candidate",
    "Classification",
    "Classifier",
    "Embedder",
    "Embedding",
    "Entities",
    "Entity",
    "EntityFinder",
    "Guess",
    "Guesses",
    "HiddenWord",
    "Match",
    "MultiTaskPipeline",
    "Pipeline",
    "QuestionAnswerer",
    "SearchResult",
    "Similarity",
    "TextSearch",
    "WordEntity",
    "WordGuesser",
    "ZeroShotClassifier",
    "load",
]
