"""Entities are scored strictly, as seqeval does, and what is wrong is listed with its text."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

from squeezebert.bundle import TaskSpec
from squeezebert.data.tasks.entities import AnnotatedText, Span, read_entities, spans
from squeezebert.errors import DataError, InputError
from squeezebert.evaluation.tasks.entities import EntityCounts, EntityScorer
from squeezebert.pipelines import Entities, Entity

TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
SPEC = TaskSpec(task="entities", labels=("O", "B-PER", "I-PER", "B-LOC"), max_length=8)


@given(
    st.lists(
        st.integers(1, 8).flatmap(
            lambda n: st.tuples(*(st.lists(TAGS, min_size=n, max_size=n),) * 2)
        ),
        min_size=1,
        max_size=5,
    ).filter(lambda texts: any("B-PER" in true or "B-LOC" in true for true, _ in texts))
)
@settings(deadline=None)
def test_scores_agree_with_seqeval(texts: list[tuple[list[str], list[str]]]) -> None:
    true, predicted = (list(side) for side in zip(*texts, strict=True))
    theirs = classification_report(
        true, predicted, mode="strict", scheme=IOB2, output_dict=True, zero_division=0
    )
    counts = EntityCounts()
    for sides in texts:
        counts.add(*(spans(tags, [(i, i + 1) for i in range(len(tags))]) for tags in sides))
    micro = theirs.pop("micro avg")
    assert counts.metrics == pytest.approx(
        {"f1": micro["f1-score"], "precision": micro["precision"], "recall": micro["recall"]}
    )
    for scores in counts.per_type:
        expected = theirs[scores.label]
        assert (scores.precision, scores.recall, scores.f1, scores.support) == pytest.approx(
            tuple(expected.values())
        )


def test_an_entity_cut_short_or_of_another_type_is_wrong() -> None:
    counts = EntityCounts()
    counts.add(
        [Span("PER", 0, 2), Span("LOC", 3, 4), Span("LOC", 5, 6)],
        [Span("PER", 0, 1), Span("ORG", 3, 4), Span("LOC", 5, 6)],
    )
    assert list(counts.metrics.values()) == pytest.approx([1 / 3] * 3)


def test_nothing_true_and_nothing_found_is_zero() -> None:
    assert EntityCounts().metrics == {"f1": 0, "precision": 0, "recall": 0}


def test_mistakes_are_listed_with_their_text(tmp_path: Path) -> None:
    path = tmp_path / "dev.jsonl"
    path.write_text(json.dumps({"text": "Tim in Rome", "entities": [[0, 3, "PER"]]}))
    scorer = EntityScorer(SPEC, read_entities(path))
    tim, rome = Entity("Tim", "PER", 0.9, 0, 3), Entity("Rome", "LOC", 0.8, 7, 11)
    true = (Span("PER", 0, 3), Span("LOC", 7, 11))
    for number, found in enumerate([(tim, rome), (rome,), *[()] * 150]):
        scorer.add(AnnotatedText(number, "Tim in Rome", true), Entities(found, 1))
    scorer.add(AnnotatedText(200, "Tim in Rome", true[:1]), Entities((tim, rome), 1))
    scores = scorer.scores()
    assert (scores.headline, scores.wrong, len(scores.mistakes)) == ("f1", 152, 100)
    first, second, *_ = scores.mistakes
    assert (first.number, first.text) == (1, "Tim in Rome")
    assert (first.expected, first.predicted) == ("Tim [PER]", "")
    assert (second.number, second.expected) == (2, "Tim [PER], Rome [LOC]")
    assert scores.metrics["precision"] == 4 / 5
    assert scorer.metrics(np.ones(153, np.int64)) == scores.metrics
    without_the_missed = np.array([1, 1, *[0] * 150, 1])
    assert scorer.metrics(without_the_missed)["recall"] == 4 / 5


@pytest.mark.parametrize(
    ("entities", "message"),
    [
        (
            [[0, 3, "ORG"], [7, 11, "DATE"]],
            r"unknown types of entity 'DATE' \(line 1\), 'ORG' \(line 1\)\..*'PER', 'LOC'",
        ),
        ([], "there is no entity in it"),
    ],
)
def test_data_that_disagrees_with_the_model_is_refused(
    tmp_path: Path, entities: object, message: str
) -> None:
    path = tmp_path / "dev.jsonl"
    path.write_text(json.dumps({"text": "Tim in Rome", "entities": entities}))
    with pytest.raises(DataError, match=message):
        EntityScorer(SPEC, read_entities(path))


def test_a_model_of_other_labels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dev.jsonl"
    path.write_text(json.dumps({"text": "Tim", "entities": [[0, 3, "PER"]]}))
    spec = TaskSpec(task="entities", labels=("NOUN", "VERB"), max_length=8)
    with pytest.raises(InputError, match="'NOUN' is no tag"):
        EntityScorer(spec, read_entities(path))
