"""What HTTP requests leave behind: bounded by bytes, the least recently used goes first, each account for itself."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.engine import Engine
from streamer.hosted.cache import MAX_IDS, OVERHEAD, Cache, Caches, Made
from tests.support.models import untrained
from tracker import Box, Embedding, Point, SegmentPrompt

LIMIT = 20_000
ME, OTHER = "me", "other"


@dataclass(frozen=True)
class Item:
    nbytes: int


class Naive:
    """The same rule in the plainest words: a list, most recently used last."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.items: list[tuple[int, Item]] = []

    def put(self, key: int, item: Item) -> None:
        self.items = [each for each in self.items if each[0] != key]
        if self.cost([(key, item)]) <= self.limit:
            self.items.append((key, item))
        while self.cost(self.items) > self.limit:
            self.items.pop(0)

    def get(self, key: int) -> Item | None:
        for each in self.items:
            if each[0] == key:
                self.items.remove(each)
                self.items.append(each)
                return each[1]
        return None

    @staticmethod
    def cost(items: list[tuple[int, Item]]) -> int:
        return sum(item.nbytes + OVERHEAD for _, item in items)


asked = st.tuples(st.booleans(), st.integers(0, 12), st.integers(0, 2) | st.integers(0, LIMIT + 100))


@settings(max_examples=60)
@given(st.lists(asked, min_size=20, max_size=80))
def test_it_keeps_what_the_plain_rule_keeps_and_never_more_bytes_than_its_bound(
    steps: list[tuple[bool, int, int]],
) -> None:
    cache: Cache[int, Item] = Cache(LIMIT)
    naive = Naive(LIMIT)
    for putting, key, size in steps:
        if putting:
            cache.put(key, Item(size))
            naive.put(key, Item(size))
        else:
            assert cache.get(key) == naive.get(key)
        assert cache.nbytes == naive.cost(naive.items) <= LIMIT
        assert len(cache) == len(naive.items)
    assert {key for key in range(13) if key in cache} == {key for key, _ in naive.items}


def test_the_bound_holds_over_thousands_of_random_puts() -> None:
    cache: Cache[int, Item] = Cache(LIMIT)
    chance = random.Random(1)
    most = 0
    for _ in range(10_000):
        cache.put(chance.randrange(100), Item(chance.randrange(LIMIT + 500)))
        assert cache.nbytes <= LIMIT
        most = max(most, cache.nbytes)
    assert most > 0.9 * LIMIT  # the bound was met
    assert cache.evicted > 1000


def test_the_least_recently_used_goes_first_and_being_asked_for_is_use() -> None:
    cache: Cache[str, Item] = Cache(3 * (1000 + OVERHEAD))
    for key in "abc":
        cache.put(key, Item(1000))
    cache.get("a")
    cache.put("d", Item(1000))
    assert [key for key in "abcd" if key in cache] == ["a", "c", "d"]


def test_looking_whether_something_is_there_is_no_use_of_it() -> None:
    cache: Cache[str, Item] = Cache(2 * (1000 + OVERHEAD))
    cache.put("a", Item(1000))
    cache.put("b", Item(1000))
    assert "a" in cache
    cache.put("c", Item(1000))
    assert "a" not in cache


def test_it_counts_what_was_asked_and_what_had_to_go() -> None:
    cache: Cache[str, Item] = Cache(2 * (1000 + OVERHEAD))
    for key in ("a", "b", "b", "c"):  # b again takes its own place
        cache.put(key, Item(1000))
    for key in "abcc":
        cache.get(key)
    limit = 2 * (1000 + OVERHEAD)
    assert cache.figures() == {
        "entries": 2,
        "bytes": limit,
        "limit_bytes": limit,
        "hits": 3,
        "misses": 1,
        "evicted": 1,
    }


def test_what_is_larger_than_the_bound_is_not_kept_and_drives_nothing_out() -> None:
    cache: Cache[str, Item] = Cache(LIMIT)
    cache.put("small", Item(10))
    cache.put("large", Item(100))
    cache.put("large", Item(LIMIT - OVERHEAD + 1))
    assert "large" not in cache  # nor is what it replaced: that is no longer true
    assert "small" in cache
    assert cache.evicted == 0
    cache.put("exact", Item(LIMIT - OVERHEAD))
    assert "exact" in cache


def test_many_items_without_a_byte_are_not_free() -> None:
    cache: Cache[int, Item] = Cache(LIMIT)
    for key in range(1000):
        cache.put(key, Item(0))
    assert len(cache) == LIMIT // OVERHEAD


# Both caches of a server


def embedding(numbers: int = 100) -> Embedding:
    one = torch.zeros(1, numbers)
    return Embedding(48, 64, one, (one, one, one))


def made() -> Made:
    return Made(Engine(untrained), embedding())


def logits(value: float) -> torch.Tensor:
    return torch.full((8, 8), value, dtype=torch.float32)


@pytest.fixture
def caches() -> Caches:
    return Caches(1_000_000, 1_000_000)


def test_an_id_is_a_name_of_a_picture_for_as_long_as_its_embedding_is_kept() -> None:
    caches = Caches(embedding().nbytes + OVERHEAD, 0)
    caches.keep(ME, "first", made())
    caches.name(ME, "dog", "first")
    assert caches.named(ME, "dog") == "first"
    assert caches.named(ME, "cat") is None
    assert caches.named(ME, None) is None
    caches.keep(ME, "second", made())
    assert caches.named(ME, "dog") is None
    caches.name(ME, "dog", "second")
    assert caches.named(ME, "dog") == "second"


def test_ids_are_bounded_and_the_one_that_was_named_longest_ago_goes(caches: Caches) -> None:
    caches.keep(ME, "picture", made())
    for number in range(MAX_IDS):
        caches.name(ME, str(number), "picture")
    caches.name(ME, "0", "picture")  # named anew
    for number in range(MAX_IDS, MAX_IDS + 500):
        caches.name(ME, str(number), "picture")
    assert len(caches._ids) == MAX_IDS
    known = [number for number in range(MAX_IDS + 500) if caches.named(ME, str(number))]
    assert known == [0, *range(501, MAX_IDS + 500)]


def test_no_account_is_given_what_another_one_left(caches: Caches) -> None:
    prompt = SegmentPrompt(points=(Point(1, 2),))
    caches.keep(ME, "picture", made())
    caches.name(ME, "dog", "picture")
    caches.save(ME, "picture", prompt, logits(1))
    assert caches.named(OTHER, "dog") is None
    assert caches.embeddings.get((OTHER, "picture")) is None
    assert caches.load(OTHER, "picture", prompt) is None
    caches.keep(OTHER, "picture", made())
    caches.name(OTHER, "dog", "another")
    assert caches.named(ME, "dog") == "picture"
    assert caches.load(ME, "picture", prompt) is not None


A, B, C = Point(1, 2), Point(3, 4), Point(5, 6, positive=False)
BOX = Box(0, 0, 10, 10)


def test_the_longest_saved_beginning_of_a_prompt_is_loaded(caches: Caches) -> None:
    for value, points in enumerate([(A,), (A, B), (B,)]):
        caches.save(ME, "picture", SegmentPrompt(points), logits(value))
    for points, value in [((A,), 0), ((A, C), 0), ((A, B), 1), ((A, B, C), 1), ((B, A), 2)]:
        found = caches.load(ME, "picture", SegmentPrompt(points))
        assert found is not None
        assert float(found[0, 0]) == value
    assert caches.logits.figures()["hits"] == 5


@pytest.mark.parametrize(
    ("saved", "asked"),
    [
        (SegmentPrompt((A, B)), SegmentPrompt((A,))),  # longer
        (SegmentPrompt((B,)), SegmentPrompt((A, B))),  # its end
        (SegmentPrompt((A,)), SegmentPrompt((Point(1, 2, positive=False), B))),  # of the other kind
        (SegmentPrompt((A,)), SegmentPrompt((A, B), BOX)),  # without its box
        (SegmentPrompt((A,), BOX), SegmentPrompt((A, B))),
        (SegmentPrompt((), BOX), SegmentPrompt((A,), Box(0, 0, 10, 11))),
        (SegmentPrompt(), SegmentPrompt((A,))),  # what nobody pointed at
        (SegmentPrompt(), SegmentPrompt((), BOX)),
    ],
)
def test_what_is_no_beginning_is_not_loaded_and_counted_as_one_miss(
    caches: Caches, saved: SegmentPrompt, asked: SegmentPrompt
) -> None:
    caches.save(ME, "picture", saved, logits(1))
    caches.save(ME, "another", asked, logits(1))
    assert caches.load(ME, "picture", asked) is None
    assert (caches.logits.hits, caches.logits.misses) == (0, 1)


def test_a_box_begins_a_prompt_of_the_same_box_and_points_and_nothing_begins_nothing(caches: Caches) -> None:
    caches.save(ME, "picture", SegmentPrompt((), BOX), logits(1))
    caches.save(ME, "picture", SegmentPrompt(), logits(2))
    for prompt, value in [(SegmentPrompt((A, B), BOX), 1), (SegmentPrompt(), 2)]:
        found = caches.load(ME, "picture", prompt)
        assert found is not None
        assert float(found[0, 0]) == value


def test_both_caches_tell_their_figures(caches: Caches) -> None:
    caches.keep(ME, "picture", made())
    caches.save(ME, "picture", SegmentPrompt(), logits(1))
    figures = caches.figures()
    assert figures["embeddings"]["bytes"] == embedding().nbytes + OVERHEAD
    assert figures["logits"]["bytes"] == 8 * 8 * 4 + OVERHEAD


def test_what_is_of_a_model_that_answers_no_more_is_dropped_and_the_counters_stay() -> None:
    caches = Caches(2**20, 2**20)
    caches.keep(ME, "picture", made())
    caches.name(ME, "mine", "picture")
    caches.save(ME, "picture", SegmentPrompt(), torch.zeros(4, 4))
    assert caches.named(ME, "mine") == "picture" and caches.embeddings.get((ME, "picture")) is not None
    caches.clear()
    assert caches.named(ME, "mine") is None and caches.load(ME, "picture", SegmentPrompt()) is None
    figures = caches.figures()
    assert [figures[name]["bytes"] for name in figures] == [0, 0]
    assert (figures["embeddings"]["hits"], figures["embeddings"]["evicted"]) == (1, 0)
