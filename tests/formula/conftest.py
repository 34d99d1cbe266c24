"""Until formulas are rebuilt, only a representative part of their tests runs by default: the rest is ``--thorough``."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
SLOW = (
    "test_bumps_are_seen_whether_wider_than_the_inner_rule_or_not",
    "test_a_plane_and_a_series_say_the_same",
    "test_every_command_says_of_a_formula_what_it_says_of_the_name",
    "test_pieces_together_are_the_formula",
    "test_zeros_of_any_order_are_found_and_told_apart",
    "test_a_wave_far_from_its_origin_has_its_digits",
    "test_what_is_faint_in_one_piece_only_shows",
    "test_kernels_of_formulas_are_those_of_named_activations_next_to_the_ends",
    "test_no_wave_passes_for_a_slower_one",
    "test_what_once_failed_ends_in_results_and_refusals",
    "test_engines_that_are_tried_in_turn_share_it",
    "test_a_plane_and_a_spline_say_the_same",
    "test_the_dual_of_a_spline_is_that_of_the_definition",
    "test_next_to_one_it_approaches_the_moments",
    "test_bumps_are_right_or_refused",
    "test_waves_and_exponentials_have_closed_forms",
    "test_a_polynomial_shows_its_smallest_coefficient",
    "test_a_long_series_says_the_same",
    "test_deep_kernels_of_formulas_are_those_of_named_activations",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            slow = item.originalname in SLOW if isinstance(item, pytest.Function) else False
            item.add_marker(pytest.mark.thorough if slow else pytest.mark.quick(1))
