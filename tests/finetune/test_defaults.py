"""What is chosen where a setting is left open."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from squeezebert.data.tasks.classification import read_classification
from squeezebert.errors import InputError
from squeezebert.finetune.defaults import Kind, choose, kind_of_classes
from squeezebert.finetune.finetune import finetune
from squeezebert.finetune.settings import Chosen, Decided, Settings
from squeezebert.model import SqueezeBertModel


def test_what_is_given_is_kept_and_the_rest_is_chosen() -> None:
    chosen = choose(Kind.ENTITIES, 3_000, width=384, layers=6, neurons=240, longest=512)
    decided = Settings(learning_rate=1e-3, seed=5).decided(chosen)
    assert (decided.learning_rate, decided.seed) == (1e-3, 5)
    assert (decided.epochs, decided.batch_size) == (chosen.epochs, chosen.batch_size)
    assert None not in vars(decided).values()
    assert {field.name for field in fields(Chosen)} == {
        name for name, value in vars(Settings()).items() if value is None
    }


def test_small_encoders_learn_fast_and_keep_their_words_and_large_ones_neither() -> None:
    small, large = (
        choose(Kind.MANY_CLASSES, 3_000, width, 6, 4 * width, 512) for width in (384, 768)
    )
    assert small.learning_rate > 10 * large.learning_rate
    assert (small.freeze_embeddings, large.freeze_embeddings) == (True, False)


@pytest.mark.parametrize("kind", [Kind.CLASSES, Kind.PAIRS, Kind.ENTITIES])
def test_few_rows_take_twice_the_rate_of_many(kind: Kind) -> None:
    few, many = (choose(kind, rows, 384, 6, 240, 512).learning_rate for rows in (1_000, 1_001))
    assert few == 2 * many


def test_many_narrow_layers_learn_slowly() -> None:
    shallow, deep = (choose(Kind.ENTITIES, 3_000, 384, layers, 240, 512) for layers in (6, 12))
    assert deep.learning_rate == 1.5e-4 < shallow.learning_rate
    assert deep.freeze_embeddings


def test_a_squeezed_encoder_of_bert_bases_width_wants_more_steps_than_bert_base() -> None:
    bert, ours = (choose(Kind.CLASSES, 500, 768, 12, neurons, 512) for neurons in (3072, 480))
    assert (bert.learning_rate, bert.epochs, bert.freeze_embeddings) == (5e-5, 5, False)
    assert (ours.learning_rate, ours.epochs, ours.freeze_embeddings) == (1.5e-4, 15, True)
    assert choose(Kind.ENTITIES, 500, 768, 12, 480, 512).learning_rate == 5e-5


def test_the_fewer_the_examples_the_more_often_they_are_seen() -> None:
    seen = [
        choose(Kind.CLASSES, rows, 384, 6, 240, 512).epochs for rows in (100, 2_000, 10**4, 10**6)
    ]
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == len(seen)


def test_questions_read_long_contexts_if_the_encoder_can() -> None:
    assert choose(Kind.QUESTIONS, 1000, 384, 6, 240, longest=512).max_length == 384
    assert choose(Kind.QUESTIONS, 1000, 384, 6, 240, longest=64).max_length == 64


@pytest.mark.parametrize(
    ("classes", "in_pairs", "kind"),
    [(2, False, Kind.CLASSES), (77, False, Kind.MANY_CLASSES), (2, True, Kind.PAIRS)],
)
def test_classes_are_few_or_many_or_of_pairs(classes: int, in_pairs: bool, kind: Kind) -> None:
    assert kind_of_classes(classes, in_pairs=in_pairs) == kind


def test_what_was_chosen_is_said_and_reported_and_a_model_is_measured_by_nothing(
    tmp_path: Path, make_checkpoint: Callable[..., Path]
) -> None:
    encoder = make_checkpoint(tmp_path / "encoder", SqueezeBertModel)
    path = tmp_path / "films.csv"
    path.write_text("text,label\n" + "a good film,1\na good film,0\na bad film,0\n" * 10)
    table, said = read_classification(path), list[str]()
    done = finetune(
        str(encoder), table, table, tmp_path / "out", Settings(epochs=1), say=said.append
    )
    [line] = [line for line in said if line.startswith("Chosen for 30 examples of a few classes")]
    assert "width 16: learning_rate 0.0004, batch_size 16, max_length 32" in line
    assert done.baseline.score == pytest.approx(2 / 3)
    [half, *_] = [line for line in said if line.startswith("epoch 0.5")]
    assert "points from the most frequent answer, +0.0 from TF-IDF)" in half
    assert not done.has_learnt


def test_settings_that_are_decided_must_make_sense_too() -> None:
    with pytest.raises(InputError, match="epochs must be at least 1"):
        Decided(0, 1e-3, 8, 16, freeze_embeddings=True)
