"""What protocols ask for answers: it knows models, limits and queues, and no wire form."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from squeezebert.bundle import TaskSpec
from squeezebert.pipelines import MultiTaskPipeline, Pipeline
from squeezebert.serve.call import Call
from squeezebert.serve.finite import check_finite
from squeezebert.serve.metrics import Metrics
from squeezebert.serve.queueing.turns import Ticket, Turns
from squeezebert.serve.queueing.workers import Workers
from squeezebert.serve.refusals import (
    Busy,
    Gone,
    Refusal,
    SeveralTasks,
    TooLarge,
    Unavailable,
    Unusable,
)
from squeezebert.serve.registry import Model, Registry
from squeezebert.serve.settings import Limits
from squeezebert.tokenizer import Item, Tokenizer
from squeezebert.tokens.items import texts_of

_T = TypeVar("_T")

# What the loop's thread does between two looks at its sockets: a few milliseconds.
_BRIEF_TEXTS = 32
_BRIEF_CHARACTERS = 4096

_PATIENCE_SECONDS = 0.25  # after which it is looked whether the client of a request is still there


class Predictor:
    """A model at work for one request.

    Attributes:
        name: it is served under.
    """

    def __init__(
        self,
        name: str,
        loaded: Pipeline | MultiTaskPipeline,
        call: Call,
        ticket: Ticket,
        offset: int,
    ) -> None:
        self.name = name
        self._asked = loaded
        self._call = call
        self._ticket = ticket
        self._offset = offset

    @property
    def has_several(self) -> bool:
        """Whether tasks of several are asked, each of which answers."""
        return isinstance(self._asked, MultiTaskPipeline)

    @property
    def pipeline(self) -> Pipeline:
        """The task's that is asked.

        Raises:
            SeveralTasks: they are several.
        """
        if isinstance(self._asked, MultiTaskPipeline):
            raise SeveralTasks(self.name, self._asked.tasks)
        return self._asked

    @property
    def spec(self) -> TaskSpec:
        """What the model is for; errors are those of `pipeline`."""
        return self.pipeline.spec

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's, which all its tasks share."""
        loaded = self._asked
        one: Any = loaded.task(loaded.tasks[0]) if isinstance(loaded, MultiTaskPipeline) else loaded
        tokenizer: Tokenizer = one.tokenizer
        return tokenizer

    @property
    def tokens(self) -> int:
        """Tokens that the engine has computed so far."""
        return self._ticket.tokens

    def choose(self, name: str) -> None:
        """Asks one task alone, by its name.

        Raises:
            Unusable: the model has no such task.
        """
        if not isinstance(self._asked, MultiTaskPipeline):
            raise Unusable(f"The model {self.name!r} has one task: leave out `task`.")
        self._asked = self._asked.task(name)

    def require(self, *tasks: str) -> None:
        """Asks the one task of the model that is of these kinds.

        Raises:
            Unusable: it has none, or several.
        """
        if isinstance(self._asked, MultiTaskPipeline):
            pipelines = {name: self._asked.task(name) for name in self._asked.tasks}
            suited = [name for name, each in pipelines.items() if each.spec.task in tasks]
            if len(suited) > 1:
                raise SeveralTasks(self.name, suited)
            if suited:
                self._asked = pipelines[suited[0]]
                return
            kinds = ", ".join(each.spec.task for each in pipelines.values())
            raise Unusable(
                f"The model {self.name!r} is for {kinds}, and this asks for {' or '.join(tasks)}. "
                "Name another model."
            )
        if self.spec.task not in tasks:
            raise Unusable(
                f"The model {self.name!r} is for {self.spec.task}, and this asks for "
                f"{' or '.join(tasks)}. Name another model."
            )

    def __call__(self, items: Sequence[Item], pipeline: Pipeline | None = None) -> list[Any]:
        """A prediction for each item, in order; ``pipeline`` replaces the model's own.

        Of several tasks a prediction is a mapping, with the task's name for each.

        Raises:
            InputError: an item can't be used.
            Unusable: a result is not finite.
        """
        predictions: list[Any] = (pipeline or self._asked)(items)
        check_finite(predictions)
        self._call.cut += (
            self._offset + index
            for index, prediction in enumerate(predictions)
            if prediction.truncated
        )
        return predictions


class Service:
    """Answers requests, so many at a time, each with an answer or a refusal.

    Args:
        registry: has the models.
        turns: of the engine.
    """

    def __init__(self, registry: Registry, turns: Turns, limits: Limits, metrics: Metrics) -> None:
        self.registry = registry
        self.limits = limits
        self.metrics = metrics
        self.started = time.time()
        self.stopping = False
        self.loaded = threading.Event()
        self._turns = turns
        self._workers = Workers()
        self._waiting = 0
        metrics.waiting.set_function(lambda: self.waiting)
        self._characters = 0

    @property
    def ready(self) -> bool:
        """Whether requests should be sent here."""
        return self.loaded.is_set() and not self.stopping

    @property
    def full(self) -> bool:
        """Whether no more requests are accepted now."""
        return self._waiting >= self.limits.waiting

    @property
    def waiting(self) -> int:
        """Requests that are accepted and not yet answered."""
        return self._waiting

    def preload(self) -> None:
        """Loads all models.

        Raises:
            BundleError: one can't be used.
        """
        for model in self.registry.models:
            self.registry.pipeline(model)

    def close(self) -> None:
        """Ends all threads; what is not answered yet is refused."""
        self._turns.close()
        self._workers.close()

    async def answer(
        self,
        call: Call,
        name: str | None,
        items: Sequence[Item],
        work: Callable[[Predictor], _T],
        times: int = 1,
    ) -> _T:
        """Does some work with a model.

        Args:
            name: of the model; None for the default one.
            items: all that the request is about, for the limits.
            times: how often each item is read: for labels of the caller's, once for each.

        Raises:
            Refusal: there is no such model, too much was sent or is waiting, the client left, or
                it took too long.
            Exception: what ``work`` raised.
        """
        return await self.answer_by(call, self.registry.find(name), items, work, times)

    async def answer_by(
        self,
        call: Call,
        model: Model,
        items: Sequence[Item],
        work: Callable[[Predictor], _T],
        times: int = 1,
    ) -> _T:
        """As `answer`, by a model that may be served under no name."""
        call.model = model.name
        call.items = len(items)
        self.check(items, times)
        texts = [text for item in items for text in texts_of(item)]
        characters = times * sum(map(len, texts))
        brief = is_brief(times * len(texts), characters)
        with self.place(characters):
            return await self.compute(call, model, work, brief=brief, gone=call.gone)

    def check(self, items: Sequence[Item], times: int = 1) -> None:
        """Raises TooLarge for what is above a limit; arguments are those of `answer`."""
        count = len(items)
        if times > 1 and count * times > self.limits.items:
            raise TooLarge(
                f"The request has {count} items and {times} labels. Each item is read with each "
                f"label, which is {count * times} readings; at most {self.limits.items} are taken. "
                "Send fewer items in a request, or fewer labels."
            )
        if count > self.limits.items:
            raise TooLarge(
                f"The request has {count} items; at most {self.limits.items} are taken. "
                "Send several requests, or JSON lines."
            )
        for index, item in enumerate(items):
            longest = max(map(len, texts_of(item)))
            if longest > self.limits.text_characters:
                raise TooLarge(
                    f"There is a text of {longest} characters; at most "
                    f"{self.limits.text_characters} are taken. Split it.",
                    item=index,
                )

    @contextmanager
    def place(self, characters: int) -> Iterator[None]:
        """A place among the requests that are accepted; it is free again after the block.

        Raises:
            Busy: there is none.
        """
        over = self._characters + characters > self.limits.waiting_characters
        if self.full or (over and self._waiting):
            raise Busy
        self._waiting += 1
        self._characters += characters
        try:
            yield
        finally:
            self._waiting -= 1
            self._characters -= characters

    async def compute(
        self,
        call: Call,
        model: Model,
        work: Callable[[Predictor], _T],
        *,
        brief: bool = False,
        gone: Callable[[], Awaitable[None]] | None = None,
        offset: int = 0,
    ) -> _T:
        """As `answer`, for a request that has a place.

        Args:
            brief: whether it takes so little time that the loop's thread does it.
            gone: waits until the client has left.
            offset: how many items of the request came before.
        """
        ticket = Ticket()

        def run() -> _T:
            if ticket.given_up:
                raise Gone
            self._turns.charge(ticket)
            pipeline = self.registry.pipeline(model)
            return work(Predictor(model.name, pipeline, call, ticket, offset))

        brief = brief and model.pipeline is not None  # to load it takes a while
        future = self._workers.start(run, brief=brief)
        loop = asyncio.get_running_loop()
        watch = loop.call_later(_PATIENCE_SECONDS, self._watch, future, gone)
        try:
            return await future
        finally:
            watch.cancel()
            ticket.given_up = True
            call.tokens += ticket.tokens
            call.queue_seconds += ticket.queue_seconds
            call.engine_seconds += ticket.engine_seconds
            self.metrics.saw_work(
                model.name, call.items - offset, ticket.tokens, ticket.queue_seconds
            )

    def _watch(
        self, future: "asyncio.Future[Any]", gone: Callable[[], Awaitable[None]] | None
    ) -> None:
        """From now on, ends the wait for an answer when the client has left, or in time."""

        async def end() -> None:
            reason: Refusal = Gone()
            try:
                async with asyncio.timeout(self.limits.answer_seconds - _PATIENCE_SECONDS):
                    await (gone() if gone is not None else asyncio.Event().wait())
            except TimeoutError:
                reason = Unavailable(
                    f"There was no answer in {self.limits.answer_seconds:g} s. Send fewer or "
                    "shorter texts, or send it again when the server is less busy."
                )
            if not future.done():
                future.set_exception(reason)

        watching = asyncio.ensure_future(end())
        future.add_done_callback(lambda _: watching.cancel())


def is_brief(texts: int, characters: int) -> bool:
    """Whether so many texts of so many characters together may be read in the loop's thread."""
    return texts <= _BRIEF_TEXTS and characters <= _BRIEF_CHARACTERS
