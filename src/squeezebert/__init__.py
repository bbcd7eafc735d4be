"""SqueezeBERT: text understanding, small and fast enough to run anywhere.

    >>> import squeezebert
    >>> classify = squeezebert.load("sentiment")
    >>> classify(["A gripping, beautifully shot film."])[0].label
    'positive'

Importing this package is cheap: a name brings its module when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from squeezebert.errors import (
        BundleError,
        CheckpointError,
        DataError,
        InputError,
        MissingExtraError,
        QualityGateError,
        SqueezeBertError,
    )
    from squeezebert.learn import FewShotClassifier, learn
    from squeezebert.pipelines import (
        Answer,
        Classification,
        Classifier,
        Embedder,
        Entities,
        Entity,
        EntityFinder,
        MultiTaskPipeline,
        QuestionAnswerer,
        TextSearch,
        ZeroShotClassifier,
        load,
    )

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "BundleError",
    "CheckpointError",
    "Classification",
    "Classifier",
    "DataError",
    "Embedder",
    "Entities",
    "Entity",
    "EntityFinder",
    "FewShotClassifier",
    "InputError",
    "MissingExtraError",
    "MultiTaskPipeline",
    "QualityGateError",
    "QuestionAnswerer",
    "SqueezeBertError",
    "TextSearch",
    "ZeroShotClassifier",
    "__version__",
    "learn",
    "load",
]


_ROOMS = {"FewShotClassifier": "learn", "learn": "learn"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = "errors" if name.endswith("Error") else _ROOMS.get(name, "pipelines")
    return getattr(import_module(f"{__name__}.{room}"), name)


def __dir__() -> list[str]:
    return __all__
