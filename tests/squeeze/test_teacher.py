import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.teachers import FAMILIES
from tokenizers import Tokenizer
from transformers import DistilBertConfig, DistilBertModel

from squeezebert.errors import CheckpointError
from squeezebert.squeeze.teacher import Teacher


@pytest.mark.parametrize("family", FAMILIES)
def test_layers_run_one_by_one_as_the_whole(
    make_teacher: Callable[[str], Path], family: str
) -> None:
    teacher = Teacher(str(make_teacher(family)))
    ids = torch.randint(5, 19, (3, 11))
    hidden = teacher.embed(ids)
    for layer, expected in zip(teacher.layers, teacher.hidden_states(ids)[1:], strict=True):
        hidden = layer.run(hidden)
        torch.testing.assert_close(hidden, expected)


@pytest.mark.parametrize("family", FAMILIES)
def test_embedding_weights_are_what_the_teacher_adds_up(
    make_teacher: Callable[[str], Path], family: str
) -> None:
    teacher = Teacher(str(make_teacher(family)))
    weights = teacher.embedding_weights()
    ids = torch.randint(5, 19, (3, 11))
    total = (
        weights["word_embeddings.weight"][ids]
        + weights["position_embeddings.weight"][:11]
        + weights["token_type_embeddings.weight"][0]
    )
    torch.testing.assert_close(
        teacher.model.embeddings.LayerNorm(total), teacher.embed(ids), atol=1e-5, rtol=1e-5
    )


def test_mpnet_is_fed_its_own_marks(make_teacher: Callable[[str], Path]) -> None:
    teacher = Teacher(str(make_teacher("mpnet")))
    encoding = teacher.tokenizer.encode("a good film")
    assert encoding.tokens[0] == "[CLS]"
    words = teacher.tokenizer.get_vocab()
    marked = torch.tensor([words[mark] for mark in ("[CLS]", "[PAD]", "[SEP]", "[MASK]")])
    last = teacher.config.vocab_size - 1
    assert teacher.ids(marked).tolist() == [0, 1, 2, last]
    assert teacher.ids(torch.tensor([words["good"]])).tolist() == [words["good"] + 4]


def test_special_tokens_are_known_by_their_role(make_teacher: Callable[[str], Path]) -> None:
    folder = make_teacher("byte-level")
    named = {
        "cls_token": "<|start|>",
        "sep_token": "<|end|>",
        "pad_token": "<|pad|>",
        "mask_token": "<|mask|>",
    }
    assert Teacher(str(folder)).special_tokens == named
    (folder / "tokenizer_config.json").unlink()
    del named["mask_token"]  # what no other file tells
    assert Teacher(str(folder)).special_tokens == named


def test_the_tokenizer_is_the_files_own(make_teacher: Callable[[str], Path]) -> None:
    folder = make_teacher("xlm-roberta")
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"tokenizer_class": "BertTokenizer"}))
    text = "Une ﬁne  intrigue"
    expected = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids
    assert Teacher(str(folder)).tokenizer.encode(text).ids == expected


def test_a_tokenizer_that_lacks_a_piece_is_refused(make_teacher: Callable[[str], Path]) -> None:
    folder = make_teacher("byte-level")
    for name in ("config.json", "tokenizer_config.json"):
        fields = json.loads((folder / name).read_text())
        fields.pop("pad_token", None)
        (folder / name).write_text(json.dumps(fields | {"pad_token_id": None}))
    with pytest.raises(CheckpointError, match="no piece for padding"):
        Teacher(str(folder))

    folder = make_teacher("xlm-roberta")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["model"]["unk_id"] = None
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(CheckpointError, match="no piece for unknown characters"):
        Teacher(str(folder))

    folder = make_teacher("roberta")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["more"] = len(tokenizer["model"]["vocab"])
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(CheckpointError, match=r"last piece is number 24.*24 rows"):
        Teacher(str(folder))


def test_other_families_are_refused(tmp_path: Path) -> None:
    DistilBertModel(DistilBertConfig(dim=8, hidden_dim=8, n_layers=1, n_heads=2)).save_pretrained(
        tmp_path / "other"
    )
    with pytest.raises(CheckpointError, match=r"family 'distilbert'.*bert, roberta"):
        Teacher(str(tmp_path / "other"))
    with pytest.raises(CheckpointError, match="no checkpoint to learn from"):
        Teacher(str(tmp_path / "absent"))
