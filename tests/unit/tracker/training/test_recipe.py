"""The recipe's numbers fit each other, for each kind of machine."""

from __future__ import annotations

import pytest

from tracker.training.recipe import RECIPES, Recipe


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_recipe_teaches_and_lets_its_rate_down(recipe: Recipe) -> None:
    assert min(recipe.minutes, recipe.memory_minutes, recipe.words_minutes, recipe.clicks_minutes) > 0
    assert recipe.clicks_photographs + recipe.clicks_groups <= 1 and recipe.held_clips >= 1
    assert 0 < recipe.let_down < 1 and 0 < recipe.average < 1
    assert recipe.frames >= 2  # one to start from, one to follow to
    assert min(recipe.pictures, recipe.prompts, recipe.clicks, recipe.memory_pictures, recipe.calibration) >= 1


def test_the_smallest_is_done_in_a_minute_and_the_usual_one_is_the_default() -> None:
    smoke = RECIPES["smoke"]
    assert smoke.minutes + smoke.memory_minutes + smoke.words_minutes + smoke.clicks_minutes <= 1
    assert RECIPES["cpu"] == Recipe()
