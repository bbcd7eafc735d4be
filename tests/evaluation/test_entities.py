import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

from squeezebert.evaluation.entities import Entity, entities, entity_scores

TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])


@given(
    st.lists(
        st.integers(1, 8).flatmap(
            lambda n: st.tuples(*(st.lists(TAGS, min_size=n, max_size=n),) * 2)
        ),
        min_size=1,
        max_size=5,
    ).filter(lambda texts: any("B-PER" in true or "B-LOC" in true for true, _ in texts))
)
def test_scores_agree_with_seqeval(texts: list[tuple[list[str], list[str]]]) -> None:
    true, predicted = (list(side) for side in zip(*texts, strict=True))
    theirs = classification_report(
        true, predicted, mode="strict", scheme=IOB2, output_dict=True, zero_division=0
    )
    ours = entity_scores(list(map(entities, true)), list(map(entities, predicted)))
    micro = theirs.pop("micro avg")
    assert (ours.precision, ours.recall, ours.f1) == pytest.approx(
        (micro["precision"], micro["recall"], micro["f1-score"])
    )
    for scores in ours.per_type:
        expected = theirs[scores.label]
        assert (scores.precision, scores.recall, scores.f1, scores.support) == pytest.approx(
            tuple(expected.values())
        )


def test_entities_have_both_ends() -> None:
    tags = ["B-PER", "I-PER", "B-PER", "O", "I-LOC", "B-LOC", "I-PER"]
    assert entities(tags) == [Entity("PER", 0, 2), Entity("PER", 2, 3), Entity("LOC", 5, 6)]


def test_an_entity_cut_short_or_of_another_type_is_wrong() -> None:
    true = [[Entity("PER", 0, 2), Entity("LOC", 3, 4), Entity("LOC", 5, 6)]]
    predicted = [[Entity("PER", 0, 1), Entity("ORG", 3, 4), Entity("LOC", 5, 6)]]
    scores = entity_scores(true, predicted)
    assert scores.precision == scores.recall == scores.f1 == pytest.approx(1 / 3)


def test_nothing_true_and_nothing_found_is_zero() -> None:
    assert entity_scores([[]], [[]]).f1 == 0.0
