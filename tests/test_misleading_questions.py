"""Questions that look answerable: what is changed, and that the answer is gone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.misleading_questions import Article, Asked, Maker

from squeezebert.data.tasks.question_answering import read_questions

CONTEXT = (
    "Ada Lovelace was born in London in 1815. The first program was written by Ada Lovelace in "
    "1843. Charles Babbage built no engine in Paris."
)
OTHER = "Mary Somerville taught Ada Lovelace from 1830 on, and lived in Naples with her sister."
NAMED = {"Ada Lovelace": "PER", "Charles Babbage": "PER", "London": "LOC", "Paris": "LOC"}


def asked(question: str, answer: str) -> Asked:
    sentence = next(part for part in CONTEXT.split(". ") if answer in part)
    return Asked("1", question, CONTEXT, sentence, (answer,))


@pytest.fixture
def article() -> Article:
    return Article([CONTEXT, OTHER], [NAMED, {"Mary Somerville": "PER", "Naples": "LOC"}])


@pytest.fixture
def maker() -> Maker:
    return Maker()


def test_an_entity_becomes_another_of_its_type(maker: Maker, article: Article) -> None:
    made = {
        maker.entity(asked("When was Ada Lovelace born?", "1815"), article, 0) for _ in range(20)
    }
    assert made == {"When was Charles Babbage born?", "When was Mary Somerville born?"}
    assert maker.entity(asked("When was the author born?", "1815"), article, 0) is None
    inside = asked("What does the Ada Lovelace Institute in the North do?", "program")
    assert maker.entity(inside, article, 0) is None, "part of a longer name"


def test_a_number_becomes_another_that_the_answers_sentence_has_not(
    maker: Maker, article: Article
) -> None:
    for _ in range(20):
        made = maker.number(asked("Who was born in 1815?", "Ada Lovelace was"), article, 0)
        assert made is not None
        assert made.startswith("Who was born in 1")
        assert "1815" not in made
    assert maker.number(asked("Who was born in 1799?", "Ada Lovelace was"), article, 0) is None


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Who wrote the first program?", "Who wrote the last program?"),
        ("What is an older engine?", "What is a newer engine?"),
        ("How long is a program?", None),
        ("How long does a program last?", None),
    ],
)
def test_a_word_becomes_its_opposite(
    maker: Maker, article: Article, question: str, expected: str | None
) -> None:
    assert maker.antonym(asked(question, "1843"), article, 0) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Who was born in London?", "Who wasn't born in London?"),
        ("Who created a program?", "Who never created a program?"),
        ("What can an engine do?", "What can't an engine do?"),
        ("Who didn't build an engine?", "Who did build an engine?"),
        ("Who was never in Paris?", "Who was in Paris?"),
        ("Was she born in London?", None),
    ],
)
def test_a_negation_is_put_in_or_taken_out(
    maker: Maker, article: Article, question: str, expected: str | None
) -> None:
    assert maker.negation(asked(question, "1815"), article, 0) == expected


def test_the_program_adds_questions_to_a_file_of_squad(tmp_path: Path) -> None:
    """All of them unanswerable, and the given ones untouched."""
    questions = [
        question("q1", "Who wrote the first program?", "Ada Lovelace"),
        question("q2", "Where was Ada Lovelace born?", "London"),
        question("q3", "Who was born in 1815?", "Ada Lovelace"),
    ]
    other = question("q4", "Who taught Ada Lovelace?", "Mary", OTHER)
    paragraphs = [{"context": CONTEXT, "qas": questions}, {"context": OTHER, "qas": [other]}]
    source, output = tmp_path / "squad.json", tmp_path / "out.json"
    source.write_text(json.dumps({"version": "1.1", "data": [{"paragraphs": paragraphs}]}))
    command = [sys.executable, "-m", "benchmarks.misleading_questions", str(source)]
    command += ["-o", str(output), "--questions", "25"]
    subprocess.run(command, check=True, capture_output=True)
    found = list(read_questions(output))
    given = {each.question for each in read_questions(source)}
    assert {each.question for each in found if each.answers} == given
    made = [each for each in found if not each.answers]
    assert made
    asked_before = {(each["question"], CONTEXT) for each in questions}
    assert not {each.item for each in made} & asked_before


def question(number: str, text: str, answer: str, context: str = CONTEXT) -> dict[str, object]:
    return {
        "id": number,
        "question": text,
        "answers": [{"text": answer, "answer_start": context.index(answer)}],
    }
