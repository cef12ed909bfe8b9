# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Statistics of return series: errors, intervals and tests that say whether a number is luck.

Every function takes a pandas Series, a numpy array or a sequence of returns per period in time order; those of many
series take a DataFrame of one column per series. No snapshot is needed. docs/inference.md and
docs/multiple_testing.md have the formulas and their sources.
"""

from fractile.stats.bootstrap import BlockLength, Bootstrap, SharpeDifference, bootstrap, optimal_block_length, sharpe_difference
from fractile.stats.drawdowns import drawdown_table
from fractile.stats.many_signals import (
    MonotonicRelation,
    Overfitting,
    adjust_p_values,
    effective_trials,
    monotonic_relation_test,
    multiple_testing,
    probability_of_backtest_overfitting,
)
from fractile.stats.mean import NeweyWest, newey_west
from fractile.stats.sharpe import (
    SharpeRatio,
    annualization_factor,
    deflated_sharpe_ratio,
    deflated_sharpe_ratio_from_moments,
    expected_maximum_sharpe,
    minimum_backtest_length,
    minimum_track_record_length,
    minimum_track_record_length_from_moments,
    probabilistic_sharpe_ratio,
    probabilistic_sharpe_ratio_from_moments,
    sharpe_ratio,
)

__all__ = [
    "BlockLength",
    "Bootstrap",
    "MonotonicRelation",
    "NeweyWest",
    "Overfitting",
    "SharpeDifference",
    "SharpeRatio",
    "adjust_p_values",
    "annualization_factor",
    "bootstrap",
    "deflated_sharpe_ratio",
    "deflated_sharpe_ratio_from_moments",
    "drawdown_table",
    "effective_trials",
    "expected_maximum_sharpe",
    "minimum_backtest_length",
    "minimum_track_record_length",
    "minimum_track_record_length_from_moments",
    "monotonic_relation_test",
    "multiple_testing",
    "newey_west",
    "optimal_block_length",
    "probabilistic_sharpe_ratio",
    "probabilistic_sharpe_ratio_from_moments",
    "probability_of_backtest_overfitting",
    "sharpe_difference",
    "sharpe_ratio",
]
