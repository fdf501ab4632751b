"""Every number of the recipe that makes nano, in one place, for three kinds of machine."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tracker.model.configs import NANO

MODEL = NANO  # what the recipe makes


@dataclass(frozen=True, slots=True)
class Recipe:
    """What train.py, train_memory.py, train_words.py, train_clicks.py and calibrate.py go by."""

    # Detector, clicks and boxes: train.py
    minutes: float = 300  # training time in all
    pictures: int = 8  # a step, shared out among the processes
    prompts: int = 4  # a picture
    clicks: int = 6  # a picture
    alone: float = 0.0  # of the clicks and boxes: one click and no more, beside those among all kinds
    rate: float = 6e-4  # highest learning rate
    trunk_rate: float = 2e-3  # that of the trunk (batch normalisation bears more), and of all while names alone teach
    warmup: int = 200  # steps
    again: int = 3  # times more that a drawn picture is asked about: drawing would cost as much as learning
    first: float = 0.06  # the first share of the time, in which the image encoder learns colours and names alone
    easy: float = 0.03  # the first share of the time, in which there are plain shapes alone: in crowds none is learnt
    plain: float = 0.5  # of the pictures after that: plain shapes too, fewer and fewer to the end
    small: float = 0.65  # the first share of the time, in which pictures have half the side: a quarter of the work
    let_down: float = 0.35  # the last share of the time, in which the rate falls to nearly nothing
    weight_decay: float = 0.02
    clip: float = 1.0  # gradient norm
    average: float = 0.998  # of the weights that are kept (exponential moving average)
    dense: float = 2.0  # weight of the dense losses
    workers: int = 1  # processes that draw pictures, for each one that learns
    seed: int = 1

    # Following by memory: train_memory.py
    memory_minutes: float = 40
    memory_small: float = 0.5  # the first share of them, in which pictures have half the side: a quarter of the work
    memory_photographs: float = 0.5  # of the clips: photographs set in motion, where there are scenes
    frames: int = 8  # of a clip
    objects: int = 4  # followed in a clip, at most
    jumbled: float = 0.15  # of the lessons: the frames come in any order, so that looks tell objects apart, not places
    rough: float = 0.35  # of the lessons: what was lost or mistaken on the way is to be found again
    forgets: float = 0.3  # of the frames of these: all but the first is forgotten before
    mistakes: float = 0.1  # of them: each object is remembered as another one's
    memory_rate: float = 4e-4
    memory_warmup: int = 60  # steps
    absent: float = 2.0  # weight of "it is gone", one case of eight: shown where it is not, it costs more than missed
    same: float = 0.3  # weight of telling objects apart by their pointers
    temperature: float = 0.1  # of that
    memory_pictures: int = 4  # of the clicks and boxes beside each clip
    memory_clicks: int = 16  # a picture
    clips_again: int = 2  # lessons on clips seen before, for each on a new one: making one is a third of a lesson
    # More of words alone: train_words.py
    words_minutes: float = 104
    words_rate: float = 4e-4  # highest learning rate, of trunk and detector
    words_small: float = 0.5  # the first share of them, in which pictures have half the side
    words_let_down: float = 0.6  # the last share, in which the rate falls

    # More of clicks and boxes: train_clicks.py
    clicks_minutes: float = 18
    clicks_rate: float = 1.5e-4  # highest learning rate, of the mask decoder
    clicks_warmup: int = 100  # steps
    clicks_let_down: float = 0.6  # the last share of the time, in which the rate falls
    clicks_photographs: float = 0.55  # of the pictures
    clicks_groups: float = 0.2  # of the pictures: things of one look beside each other
    clicks_alone: float = 0.5  # of the prompts: one click and no more
    held_clips: int = 30  # on which following by memory is held to what it was

    # How readily it says that something is there: calibrate.py
    calibration: int = 150  # pictures


def continued(recipe: Recipe, minutes: float, rate: float, let_down: float) -> Recipe:
    """For a part that goes on with a network that knows its names: at one rate, none taught first or plainly alone."""
    return replace(recipe, minutes=minutes, rate=rate, trunk_rate=rate, let_down=let_down, first=0.0, easy=0.0)


RECIPES = {
    "smoke": Recipe(
        minutes=0.3,
        memory_minutes=0.2,
        words_minutes=0.2,
        clicks_minutes=0.2,
        held_clips=1,
        pictures=2,
        frames=3,
        memory_pictures=1,
        clips_again=0,
        calibration=2,
    ),
    "cpu": Recipe(),
    "gpu": Recipe(
        minutes=22,
        memory_minutes=5,
        words_minutes=5,
        clicks_minutes=3,
        pictures=96,
        rate=1.2e-3,
        trunk_rate=4e-3,
        average=0.999,
        workers=14,
        memory_pictures=16,
        clips_again=0,
    ),
}
