"""CoLA's training sentences and many like them, most with an edit that grammar may not allow.

    python -m benchmarks.grammar --data DATA -o cola-more.tsv

For a teacher to judge, so that a student sees more than CoLA's 8,551 sentences (as TinyBERT does:
Jiao et al. 2020, arXiv 1909.10351, section 3.2). Of each sentence of CoLA there are up to two with
an edit, two with other words, and one with both; then come 6,000 short sentences of novels, each
also with an edit. The columns are CoLA's. The labels are guesses: 0 after an edit, though it may be
allowed, and the original's where content words were put for others of the same ending.
"""

import argparse
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from random import Random

from benchmarks.task_texts import of_text

NOVELS = 6000
LENGTHS = range(4, 10)  # words of their sentences
LONGEST = 16
PIECE = re.compile(r"[\w'-]+|[^\w\s]")

# Words that take each other's place.
KINDS = [
    line.split()
    for line in """\
a an the this that these those some any every each no
in on at by for with from to of about into over under between through during
is are was were be been being am
has have had having
do does did done doing
can could will would shall should may might must
he him his himself
she her hers herself
they them their themselves
i me my myself
we us our ourselves
it its itself
who whom whose which what that where when why how
and or but if because although while that whether
much many more most
not n't never""".splitlines()
]
FUNCTION_WORDS = [word for kind in KINDS for word in kind]
KINDS_OF = {word: [kind for kind in KINDS if word in kind] for word in FUNCTION_WORDS}

IRREGULAR = {
    form: [other for other in forms.split() if other != form]
    for forms in """\
go went gone
take took taken
give gave given
see saw seen
come came
know knew known
make made
say said
think thought
get got
find found
write wrote written
eat ate eaten
man men
woman women
child children
begin began begun
speak spoke spoken
break broke broken
good well
easy easily
quick quickly""".splitlines()
    for form in forms.split()
}


class Editor:
    """Edits sentences at random.

    Args:
        sentences: their words of a kind, told by their endings, can take each other's place.
    """

    def __init__(self, sentences: list[str]) -> None:
        self.choose = Random(0)
        words = Counter(
            word for sentence in sentences for word in re.findall(r"[A-Za-z']+", sentence)
        )
        self.alike: dict[tuple[str, bool], list[str]] = defaultdict(list)
        for word, count in words.items():
            kind = content_kind(word)
            if kind and count > 1:
                self.alike[kind] += [word] * min(count, 20)

    def edited(self, sentence: str) -> str | None:
        """With two words swapped, one moved, left out, added, put for another, or inflected."""
        edits: list[Callable[[list[str]], bool]] = [
            self._swap, self._move, self._drop, self._add,
            self._replace, self._replace, self._inflect, self._inflect,
        ]  # fmt: skip
        pieces, end = split(sentence)
        for _ in range(20):
            tried = list(pieces)
            if self.choose.choice(edits)(tried) and tried != pieces and len(tried) > 1:
                text = join(tried) + end
                if text.lower() != sentence.lower():
                    return text[0].upper() + text[1:]
        return None

    def with_other_words(self, sentence: str) -> str | None:
        """With one or two content words, but not the first, put for others of their kind."""
        pieces = PIECE.findall(sentence)
        places = [place for place, piece in enumerate(pieces) if place and content_kind(piece)]
        if not places:
            return None
        for place in self.choose.sample(places, min(len(places), self.choose.choice((1, 1, 2)))):
            kind = content_kind(pieces[place])
            assert kind is not None
            pieces[place] = self.choose.choice(self.alike[kind] or [pieces[place]])
        return join(pieces)

    def _swap(self, pieces: list[str]) -> bool:
        first = self.choose.randrange(len(pieces) - 1)
        pieces[first], pieces[first + 1] = pieces[first + 1], pieces[first]
        return True

    def _move(self, pieces: list[str]) -> bool:
        piece = pieces.pop(self.choose.randrange(len(pieces)))
        pieces.insert(self.choose.randrange(len(pieces) + 1), piece)
        return True

    def _drop(self, pieces: list[str]) -> bool:
        pieces.pop(self.choose.randrange(len(pieces)))
        return True

    def _add(self, pieces: list[str]) -> bool:
        place = self.choose.randrange(len(pieces) + 1)
        pieces.insert(place, self.choose.choice(FUNCTION_WORDS))
        return True

    def _replace(self, pieces: list[str]) -> bool:
        places = [place for place, piece in enumerate(pieces) if piece.lower() in KINDS_OF]
        if not places:
            return False
        place = self.choose.choice(places)
        old = pieces[place].lower()
        kind = self.choose.choice(KINDS_OF[old])
        pieces[place] = self.choose.choice([word for word in kind if word != old])
        return True

    def _inflect(self, pieces: list[str]) -> bool:
        for _ in range(6):
            place = self.choose.randrange(len(pieces))
            forms = inflections(pieces[place])
            if forms:
                pieces[place] = self.choose.choice(forms)
                return True
        return False


def inflections(word: str) -> list[str]:
    """Other forms of a word, some of which don't exist; none of short ones."""
    if word in IRREGULAR:
        return IRREGULAR[word]
    if len(word) < 4 or not word.isalpha():
        return []
    if word.endswith("ing"):
        return [word[:-3], word[:-3] + "ed"]
    if word.endswith("ed"):
        return [word[:-2], word[:-2] + "ing", word[:-2] + "s"]
    if word.endswith("ly"):
        return [word[:-2]]
    if word.endswith("s") and not word.endswith("ss"):
        return [word[:-1]]
    return [word + "s", word + "ed", word + "ing"]


def content_kind(word: str) -> tuple[str, bool] | None:
    """A word's ending and whether it is capitalised; None of function words and short ones."""
    lower = word.lower()
    if lower in KINDS_OF or len(lower) < 3:
        return None
    for ending in ("ing", "ed", "ly", "s"):
        if lower.endswith(ending) and not lower.endswith("ss"):
            return ending, word[0].isupper()
    return "", word[0].isupper()


def split(sentence: str) -> tuple[list[str], str]:
    """Words and marks, and the mark at the end."""
    end = sentence[-1] if sentence[-1] in ".!?" else ""
    return PIECE.findall(sentence[: len(sentence) - len(end)]), end


def join(pieces: list[str]) -> str:
    return re.sub(r" ([,.;:!?])", r"\1", " ".join(pieces))


def cola(file: Path) -> list[tuple[str, str]]:
    """Sentences and labels."""
    rows = (line.split("\t") for line in file.read_text(encoding="utf-8").splitlines())
    return [(row[3], row[1]) for row in rows]


def sentences(data: Path) -> dict[str, str]:
    """Each sentence with its label, without those of CoLA's dev part."""
    known = cola(data / "glue/CoLA/train.tsv")
    editor = Editor([sentence for sentence, _ in known])
    found = dict(known)
    seen = {text.lower() for text in found}
    seen |= {sentence.lower() for sentence, _ in cola(data / "glue/CoLA/dev.tsv")}

    def put(text: str | None, label: str) -> None:
        if text and text.lower() not in seen and len(text.split()) <= LONGEST:
            seen.add(text.lower())
            found[text] = label

    for sentence, label in known:
        if len(sentence.split()) < 3:
            continue
        for _ in range(2):
            put(editor.edited(sentence), "0")
        for _ in range(2):
            put(editor.with_other_words(sentence), label)
        edited = editor.edited(sentence)
        put(editor.with_other_words(edited) if edited else None, "0")
    novels = {
        text
        for text in of_text(data / "text/english_100.txt.xz")
        if len(text.split()) in LENGTHS
        and text[-1] in ".?"
        and text[0].isupper()
        and not set('"(') & set(text)
    }
    for text in editor.choose.sample(sorted(novels), NOVELS):
        pieces, end = split(text)
        put(join(pieces) + end, "1")
        put(editor.edited(text), "0")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="has glue and text")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    found = sentences(arguments.data)
    lines = (f"x\t{label}\t\t{sentence}\n" for sentence, label in found.items())
    arguments.output.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
