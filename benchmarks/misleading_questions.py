"""Questions that look as if their context answered them, and it doesn't, made of SQuAD v1.1.

    python -m benchmarks.misleading_questions train-v1.1.json.xz -o train-misleading.json

The output is the input, with its answers, and 40,000 questions without one, in the format of SQuAD
v2.0: what `squeezebert train` learns to decline from. People wrote such questions for SQuAD v2.0
(Rajpurkar et al. 2018, arXiv 1806.03822, table 1); here they are made of five kinds, in about the
shares that they found: another entity, another number or date, an antonym, a negation put in or
taken out, and a question about another paragraph of the article which shares words with this one
that are rare in the article. What changed is said by the end of a question's id.

A question is changed where its context says the opposite: what is taken out stands in the context,
and what is put in not in the sentence of the answer. Entities are found by the built-in `ner`, and
one takes the place of another of its type in the same article. Each question is used once.
Of thirty drawn at random and read, one had an answer all the same.
"""

import argparse
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from benchmarks.task_texts import squad

import squeezebert

SEED = 0
QUESTIONS = 40_000
SHARES = {"entity": 0.32, "number": 0.16, "antonym": 0.18, "negation": 0.1, "other": 0.24}
SHARED = 0.35  # of a question's weight of rare words, for one asked of another paragraph
CONTEXTS = 64  # read at a time

WORD = re.compile(r"\w+(?:['\u2019]\w+)?")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
YEAR = re.compile(r"\b(?:1\d{3}|20[0-2]\d)\b")
NUMBER = re.compile(r"(?<![\w.,$£€-])\d{1,3}(?:,\d{3})*(?:\.\d+)?(?![\w-]|[.,]\d)")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
          "October", "November", "December")  # fmt: skip
NUMBER_WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
                "twelve", "twenty")  # fmt: skip
ORDINALS = ("second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
CENTURY = re.compile(r"\b(\d{1,2})(st|nd|rd|th)\b")

OPPOSITES = """\
first last
largest smallest
biggest smallest
highest lowest
longest shortest
oldest youngest
earliest latest
most least
more fewer
best worst
greatest smallest
major minor
majority minority
maximum minimum
before after
above below
inside outside
north south
northern southern
northeast southwest
northwest southeast
east west
eastern western
early late
earlier later
older newer
large small
larger smaller
big small
high low
higher lower
long short
longer shorter
increase decrease
increased decreased
increasing decreasing
rise fall
rose fell
began ended
begin end
started stopped
starts stops
open close
opened closed
won lost
win lose
winning losing
gained lost
accept reject
accepted rejected
support oppose
supported opposed
allow forbid
allowed prohibited
allows prohibits
include exclude
included excluded
legal illegal
common rare
popular unpopular
positive negative
public private
male female
men women
man woman
son daughter
father mother
brother sister
king queen
husband wife
friend enemy
allies enemies
ally enemy
attack defend
attacked defended
built destroyed
build destroy
founded dissolved
appointed dismissed
hired fired
elected deposed
born buried
import export
imports exports
imported exported
buy sell
bought sold
arrived left
enter leave
entered left
increase reduce
strong weak
stronger weaker
hot cold
warm cold
wet dry
summer winter
spring autumn
day night
morning evening
rich poor
urban rural
ancient modern
modern medieval
traditional modern
upper lower
top bottom
front rear
full empty
fast slow
faster slower
success failure
successful unsuccessful
succeed fail
succeeded failed
able unable
possible impossible
important unimportant
agree disagree
agreed disagreed
approve disapprove
approved vetoed
internal external
domestic foreign
native foreign
offensive defensive
temporary permanent
primary secondary
same different
similar different
easy difficult
expensive cheap
heavy light
hard soft
thick thin
wide narrow
black white
plants animals
army navy
war peace
victory defeat
beginning end
advantage disadvantage
benefit harm
caused prevented
causes prevents
encourage discourage
encouraged discouraged
raise lower
raised lowered
add remove
added removed
expand shrink
expanded shrank
improve worsen
improved worsened
remained changed
released withdrawn
published banned
deny admit
denied admitted
guilty innocent
conservative liberal
liberal conservative
democratic republican
Democratic Republican
Democrat Republican
Catholic Protestant
formal informal
direct indirect
regular irregular
active inactive
complete incomplete
dependent independent
professional amateur
maternal paternal
"""

# What ends in a word that is not meant as its opposite's: a number is asked for, or it is a verb.
AS_OTHER = re.compile(r"\bhow \w+$|(?<!the )last$", re.IGNORECASE)
ARTICLE = re.compile(r"\ban? $")
AUXILIARY = re.compile(
    r"\b(is|are|was|were|did|does|do|has|have|had|could|would|should|must|can|will)\b",
    re.IGNORECASE,
)
YES_OR_NO = re.compile(AUXILIARY.pattern, re.IGNORECASE)
CONTRACTED = {"can": "can't", "will": "won't"}
NEGATED = re.compile(
    r"\b(?:(is|are|was|were|did|does|do|has|have|had|could|would|should)n['\u2019]t"
    r"|(can)not|(never|not)) ?\b"
)
# What a name stands in the middle of, where it is a part of a longer one.
LONGER = (
    re.compile(r"(?:[A-Z][\w'\u2019.-]*|\bof|\bde|\bthe [A-Z]\w*)[ -]$"),
    re.compile(r"[ -](?:[A-Z]|of |de )"),
)
PEOPLE = re.compile(r"[A-Z]\w+(?:an|ese|ish|ench|utch|eek)")
PRONOUNS = {"I", "He", "She", "It", "We", "They", "His", "Her", "Its", "Their"}
SURE = 0.9  # score of a name from which on its type counts
SUBJECT_ASKED = re.compile(r"^(Who|What|Which \w+) (\w{3,}ed)\b")


class Asked(NamedTuple):
    """A question about a context, and the sentence that holds its answer."""

    id: str
    question: str
    context: str
    sentence: str
    answers: tuple[str, ...]


@dataclass
class Article:
    """What an article's paragraphs mention: names by type, and how rare its words are.

    Attributes:
        contexts: its paragraphs.
        named: of each paragraph, names with their types.
    """

    contexts: list[str]
    named: list[dict[str, str]]

    def __post_init__(self) -> None:
        self.words = [words(context) for context in self.contexts]
        counts = Counter(word for found in self.words for word in found)
        total = len(self.contexts)
        self.weight = {word: log(1 + total / count) for word, count in counts.items()}
        self.names: dict[str, list[str]] = defaultdict(list)
        types = {name: kind for found in self.named for name, kind in found.items()}
        for name, kind in sorted(types.items()):
            self.names[kind].append(name)


class Maker:
    """Makes a question misleading, in one of several ways.

    Args:
        seed: of all that is drawn.
    """

    def __init__(self, seed: int = SEED) -> None:
        self.choose = Random(seed)
        self.opposites: dict[str, list[str]] = defaultdict(list)
        for line in OPPOSITES.splitlines():
            one, other = line.split()
            self.opposites[one].append(other)
            self.opposites[other].append(one)
        self._opposite = _any_of(self.opposites)
        self.make: dict[str, Callable[[Asked, Article, int], str | None]] = {
            "entity": self.entity,
            "number": self.number,
            "antonym": self.antonym,
            "negation": self.negation,
        }

    def entity(self, asked: Asked, article: Article, place: int) -> str | None:
        """Another name of the same type where the question has one of its context."""
        named = article.named[place]
        inside = [name for name in named if _stands_alone(name, asked.question)]
        self.choose.shuffle(inside)
        for name in inside:
            near: list[str] = []
            far: list[str] = []
            for other in article.names[named[name]]:
                if other in asked.sentence or _overlap(name, other) or other in asked.question:
                    continue
                (near if other in asked.context else far).append(other)
            # From the same context half of the time: then no missing word gives it away.
            first, then = (near, far) if self.choose.random() < 0.5 else (far, near)
            if others := first or then:
                return _instead(asked.question, name, self.choose.choice(others))
        return None

    def number(self, asked: Asked, article: Article, place: int) -> str | None:
        """Another year, month, number or ordinal where the question has one of its context."""
        found = []
        for pattern, of in (
            (YEAR, self._year),
            (NUMBER, self._count),
            (CENTURY, self._ordinal),
            (_any_of(MONTHS), self._one_of(MONTHS)),
            (_any_of(NUMBER_WORDS), self._one_of(NUMBER_WORDS)),
            (_any_of(ORDINALS), self._one_of(ORDINALS)),
        ):
            found += [
                (match, of)
                for match in pattern.finditer(asked.question)
                if _stands(match[0], asked.context)
            ]
        self.choose.shuffle(found)
        for match, of in found:
            for _ in range(5):
                other = of(match[0], asked.context)
                if other != match[0] and not _stands(other, asked.sentence):
                    return asked.question[: match.start()] + other + asked.question[match.end() :]
        return None

    def antonym(self, asked: Asked, article: Article, place: int) -> str | None:
        """The opposite of a word."""
        found = [
            (match, other)
            for match in self._opposite.finditer(asked.question)
            if not AS_OTHER.search(asked.question[: match.end()])
            for other in self.opposites[match[0]]
            if not _stands(other, asked.sentence) and not _stands(other, asked.question)
        ]
        if not found:
            return None
        match, other = self.choose.choice(found)
        before = asked.question[: match.start()]
        if article_before := ARTICLE.search(before):
            article_of = "an " if other[0] in "aeiou" else "a "
            before = before[: article_before.start()] + article_of
        return before + other + asked.question[match.end() :]

    def negation(self, asked: Asked, article: Article, place: int) -> str | None:
        """Its contrary: a negation taken out, or put after the first auxiliary or before a verb."""
        question = asked.question
        if match := NEGATED.search(question):
            kept = next((group for group in match.groups()[:2] if group), "")
            rest = question[match.end() :]
            return question[: match.start()] + (f"{kept} {rest}" if kept else rest)
        if YES_OR_NO.match(question):  # to which the contrary has the same answer
            return None
        if match := SUBJECT_ASKED.match(question):
            return f"{match[1]} never {match[2]}{question[match.end() :]}"
        if match := AUXILIARY.search(question):
            negated = CONTRACTED.get(match[1], f"{match[1]}n't")
            return question[: match.start()] + negated + question[match.end() :]
        return None

    def _year(self, year: str, context: str) -> str:
        others: list[str] = sorted(set(YEAR.findall(context)) - {year})
        if others and self.choose.random() < 0.6:
            return self.choose.choice(others)
        return str(int(year) + self.choose.choice((-1, 1)) * self.choose.randint(1, 30))

    def _count(self, number: str, context: str) -> str:
        others: list[str] = sorted(set(NUMBER.findall(context)) - {number})
        if others and self.choose.random() < 0.5:
            return self.choose.choice(others)
        digits = list(number)
        place = self.choose.choice([i for i, digit in enumerate(digits) if digit.isdigit()])
        digits[place] = self.choose.choice("123456789")
        return "".join(digits)

    def _ordinal(self, ordinal: str, context: str) -> str:
        others = sorted({match[0] for match in CENTURY.finditer(context)} - {ordinal})
        if others and self.choose.random() < 0.6:
            return self.choose.choice(others)
        number = max(1, int(ordinal[:-2]) + self.choose.choice((-3, -2, -1, 1, 2, 3)))
        teen = 10 <= number % 100 < 20
        return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"

    def _one_of(self, names: Sequence[str]) -> Any:
        return lambda name, context: self.choose.choice(names)


def misleading(articles: list[dict[str, Any]], count: int) -> Iterator[tuple[int, int, Any]]:
    """Article, paragraph and the question of each that is made, at most ``count`` in all."""
    maker = Maker()
    drawn = []
    for number, article in enumerate(articles):
        for place, part in enumerate(article["paragraphs"]):
            drawn += [(number, place, asked) for asked in _asked(part)]
    maker.choose.shuffle(drawn)
    known = [Article(*known) for known in _with_names(articles)]
    left = {kind: round(share * count) for kind, share in SHARES.items()}
    seen: set[tuple[str, str]] = {(asked.question, asked.context) for _, _, asked in drawn}
    for number, place, asked in drawn:
        kinds = sorted(left, key=lambda kind: maker.choose.random() / (left[kind] + 1e-9))
        for kind in kinds:
            if not left[kind]:
                continue
            where: int | None = place
            made: str | None = asked.question
            if kind == "other":
                where = _elsewhere(asked, known[number], place)
            else:
                made = maker.make[kind](asked, known[number], place)
            if made is None or where is None or (made, known[number].contexts[where]) in seen:
                continue
            seen.add((made, known[number].contexts[where]))
            left[kind] -= 1
            yield (
                number,
                where,
                {
                    "id": f"{asked.id}-{kind}",
                    "question": made,
                    "answers": [],
                    "is_impossible": True,
                },
            )
            break


def _asked(part: dict[str, Any]) -> Iterator[Asked]:
    context = part["context"]
    ends = [match.end() for match in SENTENCE_END.finditer(context)] + [len(context)]
    for question in part["qas"]:
        start = question["answers"][0]["answer_start"]
        end = next(end for end in ends if end > start)
        begin = max((end for end in [0, *ends] if end <= start), default=0)
        answers = tuple(answer["text"] for answer in question["answers"])
        yield Asked(
            question["id"], question["question"].strip(), context, context[begin:end], answers
        )


def _with_names(
    articles: list[dict[str, Any]],
) -> Iterator[tuple[list[str], list[dict[str, str]]]]:
    """The contexts of each article, and the names in them with their types."""
    find = squeezebert.load("ner")
    for article in articles:
        contexts = [part["context"] for part in article["paragraphs"]]
        named = []
        for start in range(0, len(contexts), CONTEXTS):
            for found in find(contexts[start : start + CONTEXTS]):
                named.append(
                    {
                        each.text: each.type
                        for each in found.entities
                        if each.score >= SURE and each.text[0].isupper() and _is_of_its_type(each)
                    }
                )
        yield contexts, named


def _elsewhere(asked: Asked, article: Article, home: int) -> int | None:
    """The paragraph that shares the rarest words with a question, of those without its answers."""
    rare = {word: article.weight.get(word, 0.0) for word in words(asked.question)}
    least = SHARED * sum(rare.values())
    shared = {
        place: sum(rare[word] for word in rare.keys() & found)
        for place, found in enumerate(article.words)
        if place != home
        and not any(answer.lower() in article.contexts[place].lower() for answer in asked.answers)
    }
    best = max(shared, key=lambda place: shared[place], default=None)
    return best if best is not None and shared[best] >= least else None


def words(text: str) -> frozenset[str]:
    return frozenset(WORD.findall(text.lower()))


def _is_of_its_type(entity: squeezebert.Entity) -> bool:
    """Whether it may stand for others of its type; of the rest, only names of people may."""
    if entity.text in PRONOUNS:
        return False
    return entity.type != "MISC" or PEOPLE.fullmatch(entity.text) is not None


def _any_of(names: Iterable[str]) -> re.Pattern[str]:
    found = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    return re.compile(rf"(?<![\w-])(?:{found})(?![\w-])")


def _stands(name: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _stands_alone(name: str, text: str) -> bool:
    """Whether it is there, and not as a part of a longer name."""
    before, after = LONGER
    return any(
        not before.search(text[: found.start()]) and not after.match(text[found.end() :])
        for found in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", text)
    )


def _instead(text: str, name: str, other: str) -> str:
    return re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", lambda _: other, text)


def _overlap(one: str, other: str) -> bool:
    """Whether two names may mean the same, such as "Chopin" and "Frédéric Chopin"."""
    return bool(words(one) & words(other))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("squad", type=Path, help="SQuAD v1.1, as json or json.xz")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=QUESTIONS, help="how many, at most")
    arguments = parser.parse_args()
    articles = squad(arguments.squad)["data"]
    made = list(misleading(articles, arguments.questions))
    for article in articles:
        for part in article["paragraphs"]:
            for question in part["qas"]:
                question["is_impossible"] = False
    for number, place, question in made:
        articles[number]["paragraphs"][place]["qas"].append(question)
    document = {"version": "v2.0", "data": articles}
    arguments.output.write_text(json.dumps(document) + "\n", encoding="utf-8")
    kinds = Counter(question["id"].rpartition("-")[2] for _, _, question in made)
    print(", ".join(f"{kind} {count:,}" for kind, count in kinds.most_common()))


if __name__ == "__main__":
    main()
