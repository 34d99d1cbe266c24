"""How many examples a Hypothesis test takes: its share of what the profile takes (see conftest)."""

from hypothesis import settings

THOROUGH = 60


def examples(number: int) -> settings:
    """So many examples with ``--thorough``, and by default fewer in proportion, but at least 4."""
    return settings(max_examples=max(4, number * settings.default.max_examples // THOROUGH))
