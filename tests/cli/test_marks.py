"""What was found is marked in the text at a terminal."""

import pytest

from squeezebert.cli.marks import in_context, in_one_line, marked
from squeezebert.cli.tasks import RENDERINGS
from squeezebert.pipelines import Answer, Entities, Entity

TEXT = "Angela Merkel\nmet Tim Cook."
FOUND = Entities(
    entities=(
        Entity(text="Angela Merkel", type="PER", score=0.998, start=0, end=13),
        Entity(text="Tim Cook", type="PER", score=0.5, start=18, end=26),
    ),
    windows=1,
)


def answer(start: int | None, end: int | None, score: float) -> Answer:
    return Answer(
        answer=None if start is None else TEXT[start:end],
        score=score,
        start=start,
        end=end,
        candidates=(),
        no_answer_margin=0.0,
        windows=1,
    )


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.usefixtures("plain")
def test_entities_stand_in_the_text_with_their_types() -> None:
    line = RENDERINGS["entities"].line
    assert line(TEXT, FOUND) == "Angela Merkel [PER 99.8%] met Tim Cook [PER 50.0%]."
    assert line("Nobody.", Entities(entities=(), windows=1)) == "Nobody.  [no entities]"


@pytest.mark.usefixtures("plain")
def test_an_answer_stands_in_its_context_under_the_question() -> None:
    line = RENDERINGS["question-answering"].line
    item = ("Who met\tTim?", TEXT)
    assert line(item, answer(0, 13, 0.75)) == ("Who met Tim?\n  Angela Merkel met Tim Cook.  75.0%")
    assert line(item, answer(None, None, 0.9)) == "Who met Tim?\n  no answer  90.0%"


@pytest.mark.usefixtures("plain")
def test_a_long_context_is_shown_around_the_answer() -> None:
    shown = in_context("x" * 1000 + "here" + "y" * 1000, 1000, 1004)
    assert shown == "…" + "x" * 60 + "here" + "y" * 60 + "…"
    assert len(in_one_line("x" * 1000)) == 100


def test_colour_is_given_by_kind_and_taken_away_by_the_users_wish(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert marked("Berlin", "LOC") == marked("Berlin", "LOC") != marked("Berlin", "PER")
    assert marked("Berlin", "LOC").startswith("\x1b[")
    coloured = RENDERINGS["entities"].line(TEXT, FOUND)
    assert marked("Angela Merkel", "PER") in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert marked("Berlin", "LOC") == "Berlin"
