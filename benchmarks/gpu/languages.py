"""Tasks in several languages: sentiment, entities and sentence vectors, by one student."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from benchmarks.gpu.fit import Settings, Training, fit
from benchmarks.gpu.objectives import Kind, Task
from benchmarks.gpu.rows import TEXT, UNLABELLED, count, head, joined, only, take
from benchmarks.gpu.scores import Dev, Pairs
from benchmarks.gpu.store import Arrays, Work
from benchmarks.gpu.teach import AVERAGED, CONLL_TAGS, DROPOUT, TASKS, told_by

LANGUAGES = ("de", "en", "es", "fr", "it", "nl", "pl", "pt", "ru")
LIKENESS = ("de", "en", "es", "fr")
"""Languages with dev data for sentence vectors; English doesn't count for the choice."""
COUNTED = ("de", "es", "fr")
NATIVE = 10  # added to a language's number where people tagged the text, and not a program
TWEETS_WITHOUT_LABEL = 30_000

SENTIMENT = Task("sentiment", Kind.CLASS, "macro_f1", 3)
ENTITIES = Task("entities", Kind.TAGS, "f1", 9, CONLL_TAGS)
VECTORS = TASKS["embed"]
TEACHERS = {
    "sentiment": (SENTIMENT, Settings(6, 1e-4, 32, evaluations=6, averaged=AVERAGED)),
    "entities": (ENTITIES, Settings(3, 1.5e-4, 96, evaluations=3, averaged=AVERAGED)),
}
STUDENTS = {
    "sentiment": Settings(6, 4e-4, 48),
    # At 3e-4 and 8e-4 the student collapses: twelve layers, and a gradient from every token.
    "entities": Settings(5, 1.5e-4, 128),
    "embed": Settings(4, 2e-4, 256),
}


def teach(work: Work, name: str, teacher: str = "e5") -> None:
    """Fine-tunes a teacher, and keeps what it says."""
    task, settings = TEACHERS[name]
    parameters, shape = work.encoder(teacher, "weights")
    own = work.data(f"{name}.train")
    target = "label" if name == "sentiment" else "tag"
    own = only(own, (*TEXT, target))
    training = Training(replace(task, dropout=DROPOUT), own, Dev(work.data(f"{name}.dev")))
    parameters = fit(parameters, shape, [training], settings, work.made(f"{teacher}.{name}"))
    if name == "sentiment":
        pool = work.data("pool.languages")
        order = np.random.default_rng(0).permutation(count(pool))[:TWEETS_WITHOUT_LABEL]
        unlabelled = np.full(len(order), UNLABELLED, own["label"].dtype)
        own = joined(own, {**take(pool, order), "label": unlabelled})
    told = told_by(parameters, shape, task, own)
    work.save(f"{name}.told", {**own, "told": told})


def tell_vectors(work: Work, teacher: str = "e5", relations: str = "mpnet") -> None:
    """Keeps sentence vectors: the teacher's own, and of translations also the English one's.

    The vectors of a translation and of its English original are added; how alike sentences are is
    told by an English teacher. Without translations a text's own vector is all.
    """
    encoder = work.encoder(teacher, "weights")
    pool = work.data("pool.languages")
    work.save("embed.languages.told", {**pool, "told": told_by(*encoder, VECTORS, pool)})
    parallel = work.data("parallel")
    own = told_by(*encoder, VECTORS, parallel).astype(np.float32)
    languages = len(LANGUAGES)
    texts = len(own) // languages
    parallel, own = head(parallel, languages * texts), own[: languages * texts]
    told = own + np.tile(own[:texts], (languages, 1))
    english = joined(work.data("stsb1.train"), work.data("stsb2.train"))
    more = told_by(*work.encoder(relations, "weights"), VECTORS, head(english, texts))
    translated = {
        "told": told.astype(np.float16),
        "told_more": np.tile(more, (languages, 1)),
    }
    work.save("parallel.told", {**parallel, **translated})


def learn(work: Work, student: str, name: str, without: int | None = None) -> Path:
    """Fine-tunes a student, and returns where it is.

    Args:
        without: The number of a language whose labels it doesn't see, nor a teacher who did.
    """
    parameters, shape = work.encoder(student, "squeeze")
    path = work.made(f"{student}.{name}" + ("" if without is None else f".without{without}"))
    if name == "embed":
        trainings = [
            Training(VECTORS, work.data("embed.languages.told"), _likeness(work)),
            Training(VECTORS, work.data("parallel.told")),
        ]
    else:
        data = work.data(f"{name}.told")
        if without is not None:
            data = _labelled_without(work, name, without)
        trainings = [Training(TEACHERS[name][0], data, Dev(work.data(f"{name}.dev")))]
    fit(parameters, shape, trainings, STUDENTS[name], path)
    return path


def _labelled_without(work: Work, name: str, without: int) -> Arrays:
    data = work.data(f"{name}.train")
    kept = np.nonzero(data["language"] % NATIVE != without)[0]
    return {key: value for key, value in take(data, kept).items() if key != "language"}


def _likeness(work: Work) -> Dev:
    pairs = {}
    for language in LIKENESS:
        second = work.data(f"likeness2.{language}")
        first = only(work.data(f"likeness1.{language}"), TEXT)
        pairs[language] = Pairs(first, only(second, TEXT), second["number"])
    return Dev(pairs=pairs, counted=COUNTED)
