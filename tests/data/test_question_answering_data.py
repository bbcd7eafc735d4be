"""Questions read from SQuAD files and tables, and what is refused with its place."""

import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from squeezebert.data.columns import Columns
from squeezebert.data.tasks.question_answering import Questions, TrueAnswer, read_questions
from squeezebert.errors import DataError

CONTEXT = "A very good film, and a bad plot. A good film 😀 é!"


def question(text: str, *answers: tuple[str, int], **fields: Any) -> dict[str, Any]:
    listed = [{"text": answer, "answer_start": start} for answer, start in answers]
    return {"id": text, "question": text, "answers": listed, **fields}


def squad(path: Path, *questions: dict[str, Any], context: str = CONTEXT) -> Path:
    paragraph = {"context": context, "qas": list(questions)}
    text = json.dumps({"version": "x", "data": [{"title": "t", "paragraphs": [paragraph]}]})
    path.write_bytes(lzma.compress(text.encode()) if path.suffix == ".xz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["train.json", "train.json.xz"])
def test_a_squad_file_of_either_version(tmp_path: Path, name: str) -> None:
    questions = read_questions(
        squad(
            tmp_path / name,
            question("what is good?", ("film", 12), ("A very good film", 0)),
            question("what is new?", is_impossible=True),
        )
    )
    first, second = questions
    assert first.item == ("what is good?", CONTEXT)
    assert first.answers == (TrueAnswer("film", 12), TrueAnswer("A very good film", 0))
    assert first.span == (12, 16)
    assert (second.number, second.answers, second.span) == (2, (), None)
    assert second.place == ".data[0].paragraphs[0].qas[1]"
    summary = questions.check()
    assert (summary.questions, summary.unanswerable) == (2, 1)
    assert list(questions) == [first, second], "it can be read again"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("q.csv", 'question,context,answer,answer_start\nq?,"a film, a film",film,10\nr?,b,,\n'),
        (
            "q.jsonl",
            '{"question": "q?", "context": "a film, a film", '
            '"answers": {"text": ["film"], "answer_start": [10]}}\n'
            '{"question": "r?", "context": "b", "answers": {"text": [], "answer_start": []}}\n',
        ),
        (
            "q.jsonl",
            '{"question": "q?", "context": "a film, a film", '
            '"answers": [{"text": "film", "answer_start": 10}]}\n'
            '{"question": "r?", "context": "b", "answers": []}\n',
        ),
    ],
)
def test_a_row_for_each_question(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    first, second = read_questions(tmp_path / name)
    assert first.item == ("q?", "a film, a film")
    assert first.answers == (TrueAnswer("film", 10),)
    assert second.answers == ()


def test_an_answer_without_offset_is_where_it_first_occurs(tmp_path: Path) -> None:
    file = tmp_path / "q.tsv"
    file.write_text("q\tc\ta\nwhat?\ta film and a film\tfilm\nhow?\ta 9 film\t9\n")
    questions = read_questions(file, columns=Columns("q", "c", "a"))
    assert [example.span for example in questions] == [(2, 6), (2, 3)]
    assert questions.check().ambiguous == 1
    assert questions.columns == Columns("q", "c", "a")


def test_several_texts_and_repeated_questions_are_fine(tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    row = json.dumps({"question": "q", "context": "good film", "answers": ["good", "film"]})
    file.write_text(f"{row}\n{row}\n")
    questions = read_questions(file)
    assert [answer.text for answer in next(iter(questions)).answers] == ["good", "film"]
    assert questions.check().questions == 2


def refused(questions: Questions, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        questions.check()
    assert questions.name in str(caught.value)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (question("q", ("film", 13)), r"at its offset .*qas\[1\]: 'film' is not 'ilm,' at 13"),
        (question("q", ("film", -4)), "not in the context at its offset"),
        (question("q", ("film", 4000)), "not in the context at its offset"),
        (question("q", ("", 3)), r"1 with an empty answer \(.data\[0\]"),
        (question(" ", ("film", 12)), r"1 with an empty question \(.*qas\[1\]\)"),
    ],
)
def test_a_bad_question_is_named_with_its_place(
    tmp_path: Path, bad: dict[str, Any], message: str
) -> None:
    refused(read_questions(squad(tmp_path / "q.json", question("fine"), bad)), message)


def test_bad_rows_are_named_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "q.csv"
    file.write_text("question,context,answers\n,good film,film\nwhat?, ,\nwho?,good,bad\n")
    refused(
        read_questions(file),
        r"an empty question \(line 2\); 1 with an empty context \(line 3\); "
        r"1 with an answer that is not in the context \(line 4: 'bad'\)",
    )


def test_offsets_count_characters_not_bytes(tmp_path: Path) -> None:
    start = CONTEXT.index("é")
    questions = read_questions(squad(tmp_path / "q.json", question("q", ("é", start))))
    assert questions.check().questions == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "at the top: there is no 'data'"),
        ('{"data": [{}]}', r"\.data\[0\]: there is no 'paragraphs'"),
        ('{"data": [{"paragraphs": [{"context": 3}]}]}', "no 'context' with a text"),
        (
            '{"data": [{"paragraphs": [{"context": "c", "qas": [{"question": "q"}]}]}]}',
            r"qas\[0\]: there is no 'answers'",
        ),
    ],
)
def test_another_structure_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "q.json").write_text(text)
    with pytest.raises(DataError, match=message):
        read_questions(tmp_path / "q.json")


@pytest.mark.parametrize(
    ("fields", "answers"),
    [({"is_impossible": True}, [("film", 12)]), ({"is_impossible": False}, [])],
)
def test_answers_of_an_impossible_question_are_refused(
    tmp_path: Path, fields: dict[str, Any], answers: list[tuple[str, int]]
) -> None:
    with pytest.raises(DataError, match=r"qas\[0\]: 'is_impossible' is"):
        read_questions(squad(tmp_path / "q.json", question("q", *answers, **fields)))


def test_sources_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.json: no such file"):
        read_questions(tmp_path / "none.json")
    with pytest.raises(DataError, match="no columns to name"):
        read_questions(
            squad(tmp_path / "q.json", question("q", ("film", 12))), columns=Columns(text="q")
        )
    file = tmp_path / "q.jsonl"
    file.write_text('{"question": "q", "answers": 3.5}\n')
    with pytest.raises(DataError, match=r"no column 'context'.*Give pair_column=NAME"):
        read_questions(file)
    for wrong, message in (
        ([3], "an answer is of type int, not a text"),
        ({"text": ["a"], "answer_start": [0, 1]}, "not as many offsets"),
        ([{"text": "a", "answer_start": "x"}], "'answer_start' is 'x'"),
        (True, "no answers"),
    ):
        file.write_text(json.dumps({"question": "q", "context": "a", "answers": wrong}) + "\n")
        with pytest.raises(DataError, match=f"line 1: .*{message}"):
            list(read_questions(file))
    with pytest.raises(DataError, match=r"qas\[0\]: 'question' holds a lone surrogate"):
        read_questions(squad(tmp_path / "q.json", question("q \ud800", ("film", 12))))


def test_an_empty_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "q.json").write_text('{"data": []}')
    refused(read_questions(tmp_path / "q.json"), "holds no question")


@pytest.mark.parametrize("none", ["NaN", "null", '""', "[]", "[null]", "[NaN]"])
def test_a_missing_answer_is_none(tmp_path: Path, none: str) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text(f'{{"question": "q", "context": "financial", "answer": {none}}}\n')
    [question] = read_questions(file)
    assert question.answers == ()


@pytest.mark.parametrize("none", ["", "NaN", "nan"])
def test_a_missing_answer_is_none_as_pandas_writes_it(tmp_path: Path, none: str) -> None:
    file = tmp_path / "q.csv"
    file.write_text(f"question,context,answer\nq,financial nan,{none}\n")
    [question] = read_questions(file)
    assert question.answers == ()


@pytest.mark.parametrize(("written", "start"), [("4.0", 4), ("4", 4), ("", None), ("NaN", None)])
def test_offsets_are_read_as_pandas_writes_them(
    tmp_path: Path, written: str, start: int | None
) -> None:
    rows = tmp_path / "q.csv"
    rows.write_text(f"question,context,answer,answer_start\nq,Yes Ann.,Ann,{written}\n")
    [question] = read_questions(rows)
    assert question.answers == (TrueAnswer("Ann", start),)
    lines = tmp_path / "q.jsonl"
    lines.write_text(
        '{"question": "q", "context": "Yes Ann.", "answer": "Ann", "answer_start": %s}\n'
        % (written or "null")
    )
    assert [each.answers for each in read_questions(lines)] == [question.answers]


def test_an_offset_with_a_fraction_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "q.csv"
    file.write_text("question,context,answer,answer_start\nq,Yes Ann.,Ann,4.5\n")
    with pytest.raises(DataError, match=r"line 2: 'answer_start' is '4\.5', not a whole number"):
        list(read_questions(file))


def test_a_table_without_a_header_is_read_by_its_numbers(tmp_path: Path) -> None:
    path = tmp_path / "qa.csv"
    path.write_text("Who?,Ann met Bob.,Ann\nWhere?,Ann lives in Rome.,Rome\n")
    questions = read_questions(path, columns=Columns("1", "2", "3"))
    assert [(each.question, each.answers[0].text) for each in questions] == [
        ("Who?", "Ann"),
        ("Where?", "Rome"),
    ]


@pytest.mark.parametrize("rows", [[1], [None], ["question"]])
def test_a_list_of_anything_is_no_squad(tmp_path: Path, rows: list[Any]) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({"data": rows}))
    with pytest.raises(DataError, match="SQuAD's structure is"):
        read_questions(path).check()
