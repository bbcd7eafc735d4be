"""Learning to embed texts, from a teacher and from pairs, to a bundle that is as good."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from squeezebert.data.columns import Columns
from squeezebert.data.tasks import Examples
from squeezebert.data.tasks.classification import Table
from squeezebert.data.tasks.embedding import Texts, read_embedding
from squeezebert.errors import CheckpointError, DataError, InputError
from squeezebert.evaluation import evaluate
from squeezebert.evaluation.known import known_part
from squeezebert.export import export_checkpoint
from squeezebert.export.provenance import provenance
from squeezebert.finetune.finetune import finetune
from squeezebert.finetune.held_out import HoldOut
from squeezebert.finetune.settings import Decided
from squeezebert.finetune.start import load_to_finetune
from squeezebert.finetune.tasks.embedding import prepare_embedding, ranking_loss
from squeezebert.pipelines import Embedder, load
from squeezebert.training.predictor import load_predictor

TeacherMaker = Callable[[str], Path]

FAST = Decided(
    freeze_embeddings=False, epochs=6, learning_rate=1e-2, batch_size=4, max_length=16, patience=12
)
PAIRS = [
    ("a good film", "good film", 5.0),
    ("very bad plot", "bad plot", 4.5),
    ("good film", "film and plot", 2.5),
    ("a very good film", "a bad plot", 0.5),
    ("good", "bad", 0.0),
    ("very bad !", "good plot", 0.0),
] * 3
TEXTS = sorted({text for first, second, _ in PAIRS for text in (first, second)})


@pytest.fixture
def pairs(tmp_path: Path) -> Examples:
    path = tmp_path / "pairs.tsv"
    rows = [f"{first}\t{second}\t{score}" for first, second, score in PAIRS]
    path.write_text("\n".join(["sentence1\tsentence2\tscore", *rows]) + "\n")
    return read_embedding(path, "train", Columns())


@pytest.fixture
def texts(tmp_path: Path) -> Texts:
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(TEXTS * 4) + "\n")
    found = read_embedding(path, "train", Columns())
    assert isinstance(found, Texts)
    return found


def nearness(encoder: Path, teacher: Path) -> float:
    """Mean cosine of the two models' vectors."""
    one, other = (load_predictor(folder) for folder in (encoder, teacher))
    assert isinstance(one, Embedder)
    assert isinstance(other, Embedder)
    return float((one.vectors(TEXTS) * other.vectors(TEXTS)).sum(1).mean())


def test_a_student_comes_near_to_its_teacher(
    tmp_path: Path, encoder: Path, make_teacher: TeacherMaker, texts: Texts, pairs: Examples
) -> None:
    teacher, output = make_teacher("bert"), tmp_path / "out"
    before = nearness(encoder, teacher)
    finetune(str(encoder), texts, pairs, output, FAST, task="embedding", teacher=str(teacher))
    assert nearness(output, teacher) > before + 0.4


def test_pairs_are_learnt_and_the_bundle_ranks_as_well(
    tmp_path: Path, encoder: Path, pairs: Examples
) -> None:
    before = evaluate(load_predictor(encoder), pairs).metrics["spearman"]
    output = tmp_path / "out"
    done = finetune(str(encoder), pairs, pairs, output, FAST, task="embedding")
    after = done.evaluation.metrics["spearman"]
    known = known_part(provenance(output), "", (example.item for example in pairs))
    assert known == pytest.approx(1, abs=0.1), "so that `evaluate` tells"
    assert after > max(0.85, before + 0.05)

    bundle = tmp_path / "bundle"
    exported = export_checkpoint(output, pairs, bundle, tolerance=3)
    assert exported.comparison.metric == "spearman"
    assert exported.comparison.checkpoint == pytest.approx(after)
    embed, checkpoint = load(bundle), load_predictor(output)
    assert isinstance(embed, Embedder)
    assert isinstance(checkpoint, Embedder)
    np.testing.assert_allclose(embed.vectors(TEXTS), checkpoint.vectors(TEXTS), atol=0.05)


def test_a_teacher_helps_with_pairs_too(
    tmp_path: Path, encoder: Path, make_teacher: TeacherMaker, pairs: Examples
) -> None:
    teacher, output = make_teacher("bert"), tmp_path / "out"
    before = nearness(encoder, teacher)
    finetune(str(encoder), pairs, pairs, output, FAST, task="embedding", teacher=str(teacher))
    assert nearness(output, teacher) > before + 0.2


def test_the_ranking_loss_is_the_one_by_hand() -> None:
    cosines, scores = torch.tensor([0.1, 0.2, 0.15]), torch.tensor([1.0, 2.0, 3.0])
    wrong = [20 * (0.1 - 0.2), 20 * (0.1 - 0.15), 20 * (0.2 - 0.15)]
    expected = np.log1p(np.exp(wrong).sum())
    assert float(ranking_loss(cosines, scores)) == pytest.approx(expected, rel=1e-5)
    assert float(ranking_loss(cosines, torch.ones(3))) == 0


class TestRefused:
    def test_texts_without_a_teacher(
        self, tmp_path: Path, encoder: Path, texts: Texts, pairs: Examples
    ) -> None:
        with pytest.raises(InputError, match="learnt from a teacher"):
            finetune(str(encoder), texts, pairs, tmp_path / "o", FAST, task="embedding")

    def test_no_scored_pairs_to_choose_by(
        self, tmp_path: Path, encoder: Path, texts: Texts, pairs: Examples
    ) -> None:
        for dev in (None, texts):
            with pytest.raises(DataError, match="pairs of texts with a similarity"):
                finetune(str(encoder), pairs, dev, tmp_path / "o", FAST, task="embedding")
        with pytest.raises(DataError, match="and these are single texts"):
            evaluate(load_predictor(encoder), texts)

    def test_a_teacher_for_something_else(
        self, tmp_path: Path, encoder: Path, tiny_bundle: Path, pairs: Examples
    ) -> None:
        with pytest.raises(InputError, match="teacher is for classification"):
            finetune(
                str(encoder), pairs, pairs, tmp_path / "o", FAST, task="embedding",
                teacher=str(tiny_bundle),
            )  # fmt: skip

    def test_class_names(self, tmp_path: Path, encoder: Path, pairs: Examples) -> None:
        with pytest.raises(InputError, match="Label names are for classes"):
            finetune(
                str(encoder), pairs, pairs, tmp_path / "o", FAST, task="embedding",
                label_names=["near"],
            )  # fmt: skip

    def test_weights_of_another_model(self, encoder: Path) -> None:
        config = encoder / "config.json"
        config.write_text(
            config.read_text().replace('"num_hidden_layers": 2', '"num_hidden_layers": 3')
        )
        with pytest.raises(CheckpointError, match=r"lacks \d+ weights of its encoder"):
            load_to_finetune(str(encoder), "embedding", {})


def test_repeated_pairs_are_told(tmp_path: Path, pairs: Examples) -> None:
    assert isinstance(pairs, Table)
    train = tmp_path / "train.tsv"
    train.write_text("sentence1\tsentence2\tscore\na good film\tgood film\t5\nx\ty\t1\nx\ty\t2\n")
    hold_out = HoldOut(0, tmp_path, tmp_path)
    task = prepare_embedding(read_embedding(train, "train", Columns()), pairs, hold_out, None)
    notes = "\n".join(task.notes)
    assert "1 row repeats an earlier one with another label, and is kept: line 4" in notes
    assert "pairs.tsv: 12 rows repeat an earlier one, and are kept: line 8 like line 2" in notes
    assert "pairs.tsv: 3 pairs are in the training data too" in notes


def test_an_undefined_correlation_is_no_reason_to_stop(
    tmp_path: Path, encoder: Path, pairs: Examples
) -> None:
    dev = tmp_path / "constant.tsv"
    dev.write_text("sentence1\tsentence2\tscore\na\tgood\t1\na\tbad\t1\n")
    done = finetune(
        str(encoder),
        pairs,
        read_embedding(dev, "validation", Columns()),
        tmp_path / "out",
        Decided(freeze_embeddings=False, epochs=1, learning_rate=5e-5, batch_size=8, max_length=16),
        task="embedding",
    )
    assert np.isnan(done.evaluation.metrics["spearman"])
