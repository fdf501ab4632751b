"""The embedded model: configuration, weights, synthetic worlds and the recipe that trains it."""
