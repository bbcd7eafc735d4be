"""Texts with entities: CoNLL files joined to texts, JSON lines with character spans."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from squeezebert.data.columns import Columns
from squeezebert.data.tasks.entities import AnnotatedText, Span, read_entities, spans
from squeezebert.errors import DataError, InputError, SqueezeBertError

TEXT = "Angela Merkel met 😀 Tim Cook in Berlin."
PEOPLE = (Span("PER", 0, 13), Span("PER", 20, 28))


@pytest.fixture
def jsonl(tmp_path: Path) -> Any:
    def write(*rows: dict[str, Any]) -> Path:
        path = tmp_path / "texts.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


def test_words_of_a_conll_file_become_a_text_with_spans(tmp_path: Path) -> None:
    path = tmp_path / "eng.train"
    path.write_text(
        "-DOCSTART- -X- O O\n\nEU NNP I-NP I-ORG\nTim N N I-PER\nCook N N I-PER\n. . O O\n"
    )
    texts = read_entities(path)
    assert (
        list(texts)
        == list(texts)
        == [AnnotatedText(3, "EU Tim Cook .", (Span("ORG", 0, 2), Span("PER", 3, 11)))]
    )
    assert texts.check().types == {"ORG": 1, "PER": 1}
    assert "IOB1" in texts.notes[0]
    assert (texts.name, texts.columns) == (str(path), Columns())


@given(st.lists(st.tuples(st.text("aé漢😀", min_size=1), st.sampled_from("OBI")), min_size=1))
@settings(deadline=None)
def test_spans_hold_the_words_of_their_entities(
    tmp_path_factory: pytest.TempPathFactory, words: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("conll") / "a.conll"
    lines = [f"{word}\t{kind}{'' if kind == 'O' else '-X'}\n" for word, kind in words]
    path.write_text("".join(lines))
    [(_, text, found)] = read_entities(path)
    inside = [text[span.start : span.end] for span in found]
    assert " ".join(inside).split() == [word for word, kind in words if kind != "O"]


@pytest.mark.parametrize(
    "entities",
    [
        [{"start": 0, "end": 13, "type": "PER"}, {"start": 20, "end": 28, "type": "PER"}],
        [{"start": 20, "end": 28, "label": "PER"}, {"start": 0, "end": 13, "label": "PER"}],
        [[0, 13, "PER"], [19, 29, " PER"]],
    ],
)
def test_spans_may_be_objects_or_lists_in_any_order(jsonl: Any, entities: list[Any]) -> None:
    texts = read_entities(jsonl({"text": TEXT, "entities": entities}))
    assert list(texts) == [AnnotatedText(1, TEXT, PEOPLE)]
    assert texts.notes == (f"{texts.name}: guessed text 'text', entities 'entities'.",)


def test_columns_can_be_named(jsonl: Any) -> None:
    path = jsonl({"body": TEXT, "marks": []}, {"body": "Tim", "marks": [[0, 3, "PER"]]})
    texts = read_entities(path, Columns(text="body", label="marks"))
    assert [example.spans for example in texts] == [(), (Span("PER", 0, 3),)]
    assert texts.columns == Columns(text="body", label="marks")
    assert not texts.notes


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "", "entities": []}, "line 1: the text is empty"),
        ({"text": "Tim", "entities": None}, "'entities' must be a list"),
        ({"text": "Tim", "entities": "PER"}, "'entities' must be a list"),
        ({"text": "Tim", "entities": [[0, 4, "PER"]]}, "from 0 to 4 holds no .* which has 3"),
        ({"text": "Tim", "entities": [[2, 2, "PER"]]}, "from 2 to 2 holds no"),
        ({"text": "Tim", "entities": [[-1, 2, "PER"]]}, "from -1 to 2 holds no"),
        ({"text": "a  b", "entities": [[1, 3, "PER"]]}, "from 1 to 3 holds no"),
        ({"text": "Tim", "entities": [[0, 3, ""]]}, "is no entity; it must be like"),
        ({"text": "Tim", "entities": [{"start": 0, "end": 3}]}, "is no entity"),
        ({"text": "Tim", "entities": [["0", 3, "PER"]]}, "is no entity"),
        (
            {"text": "Tim Cook", "entities": [[0, 8, "PER"], [4, 8, "ORG"]]},
            "'Tim Cook' and 'Cook' overlap",
        ),
        ({"text": "Tim"}, "which column holds the entities"),
        ({"entities": []}, "which column is the text"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(jsonl: Any, row: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_entities(jsonl(row)).check()


def test_columns_that_make_no_sense_are_refused(jsonl: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="named as a pair's second text"):
        read_entities(jsonl({"text": "Tim", "entities": []}), Columns(text="text", pair="text"))
    with pytest.raises(InputError, match="has no columns to name"):
        read_entities(tmp_path / "eng.train", Columns(text="text"))
    with pytest.raises(DataError, match="no such file"):
        read_entities(tmp_path / "none.jsonl")


def test_strictly_read_an_inside_that_continues_nothing_is_no_entity() -> None:
    tags = ["B-PER", "I-PER", "B-PER", "O", "I-LOC", "B-LOC", "I-PER"]
    words = [(place, place + 1) for place in range(len(tags))]
    assert spans(tags, words) == (Span("PER", 0, 2), Span("PER", 2, 3), Span("LOC", 5, 6))


def test_words_and_tags_become_a_text_with_spans(jsonl: Any) -> None:
    path = jsonl(
        {"tokens": ["Tim", "Cook", "in", "Rome"], "ner_tags": ["B-PER", "E-PER", "O", "S-LOC"]},
        {"tokens": ["none"], "ner_tags": ["O"]},
    )
    texts = read_entities(path)
    assert list(texts) == [
        AnnotatedText(1, "Tim Cook in Rome", (Span("PER", 0, 8), Span("LOC", 12, 16))),
        AnnotatedText(2, "none", ()),
    ]
    assert texts.notes == (f"{path}: guessed words 'tokens', tags 'ner_tags', the scheme IOBES.",)
    named = read_entities(jsonl({"w": ["Tim"], "t": ["B-PER"]}), Columns(text="w", label="t"))
    assert [example.spans for example in named] == [(Span("PER", 0, 3),)]


def test_spans_beside_words_are_still_spans(jsonl: Any) -> None:
    row = {"text": "Tim.", "tokens": [{"text": "Tim"}], "spans": [[0, 3, "PER"]]}
    assert [example.spans for example in read_entities(jsonl(row))] == [(Span("PER", 0, 3),)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"tokens": ["Tim"], "ner_tags": [1]}, "Write the names of tags"),
        ({"tokens": ["Tim"], "ner_tags": ["O", "O"]}, "line 1: 1 words have 2 tags"),
        ({"tokens": ["Tim"], "ner_tags": ["NNP"]}, "tags in 'ner_tags', such as 'NNP', are not"),
        ({"tokens": [], "ner_tags": []}, "line 1: there are no words"),
    ],
)
def test_wrong_words_and_tags_are_said_with_their_line(jsonl: Any, row: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_entities(jsonl(row)).check()


def test_tags_of_a_dataset_have_their_names(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        tokens=datasets.List(datasets.Value("string")),
        ner_tags=datasets.List(datasets.ClassLabel(names=["O", "B-PER", "I-PER"])),
    )
    rows = {"tokens": [["Tim", "Cook", "came"]], "ner_tags": [[1, 2, 0]]}
    datasets.Dataset.from_dict(rows, features).to_parquet(tmp_path / "train.parquet")
    for source in (tmp_path / "train.parquet", tmp_path):  # a file, a folder as the hub has it
        [example] = read_entities(source)
        assert example.spans == (Span("PER", 0, 8),)


def test_entities_that_cut_a_word_are_counted(jsonl: Any) -> None:
    path = jsonl(
        {"text": "I live in Rome.", "entities": [[10, 13, "LOC"]]},
        {"text": "I live in Rome.", "entities": [[10, 14, "LOC"]]},
        {"text": "東京に住む", "entities": [[0, 2, "LOC"]]},
        {"text": "eBay's", "entities": [[1, 4, "ORG"]]},
    )
    note = " ".join(read_entities(path).notes)
    assert "2 of 4 entities begin or end inside a word" in note
    assert "(line 1: 'Rom', line 4: 'Bay')" in note


@pytest.mark.parametrize(
    "content", ['text,entities\nTim Cook called,"0 8 PER"\n', "word,tag\nTim,B-PER\n"]
)
def test_a_table_of_entities_is_told_what_can_be_read(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    for columns in (None, Columns("text", None, "entities")):
        with pytest.raises(
            SqueezeBertError, match=r"Entities are read from .* or from JSON"
        ) as told:
            read_entities(path, columns)
    example = json.loads(str(told.value).partition("such as ")[2].partition(", in a file")[0])
    good = tmp_path / "a.jsonl"
    good.write_text(json.dumps(example) + "\n")
    [found] = read_entities(good)
    assert found.text[slice(*found.spans[0][1:])] == "Tim Cook"


def test_a_tag_of_no_scheme_is_told_wherever_it_is(jsonl: Any) -> None:
    many = [{"tokens": ["Angela", "spoke"], "ner_tags": ["B-PER", "O"]}] * 1000
    with pytest.raises(DataError, match="The first such is 'B_PER' in line 1001"):
        read_entities(jsonl(*many, {"tokens": ["Ann"], "ner_tags": ["B_PER"]}))


@pytest.mark.parametrize("inside", ["I", "M"])
def test_a_scheme_is_that_of_all_rows(jsonl: Any, inside: str) -> None:
    pairs = [{"tokens": ["Tim", "Cook"], "ner_tags": ["B-PER", "E-PER"]}] * 1000
    three = {"tokens": ["A", "B", "C"], "ner_tags": ["B-PER", f"{inside}-PER", "E-PER"]}
    none = [{"tokens": ["a"], "ner_tags": ["O"]}] * 1000
    for before in (pairs, none):
        assert list(read_entities(jsonl(*before, three)))[-1].spans == (Span("PER", 0, 5),)


def test_broken_tags_in_a_table_are_told_with_their_lines(jsonl: Any) -> None:
    whole = {"tokens": ["Tim", "Cook"], "ner_tags": ["B-PER", "I-PER"]}
    broken = {"tokens": ["by", "Merkel"], "ner_tags": ["O", "I-PER"]}
    texts = read_entities(jsonl(whole, whole, broken))
    assert list(texts)[-1].spans == (Span("PER", 3, 9),)
    assert any("broken IOB2 on line 3 (1 in all)" in note for note in texts.notes)
