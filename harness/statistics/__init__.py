"""How sure a number is: of one row, between two, among many; of a time, a confidence, a learning curve.

And where a series of them moved.
"""

from harness.statistics.calibration import (
    CalibrationError,
    ReliabilityBin,
    brier_score,
    calibration_error,
    expected_calibration_error,
    reliability,
)
from harness.statistics.intervals import (
    Interval,
    accuracy_interval,
    mean_interval,
    median_interval,
    spread_over_seeds,
    wilson,
)
from harness.statistics.learning_curve import (
    CurvePoint,
    LearningCurve,
    Prediction,
    fit_answers,
    fit_learning_curve,
)
from harness.statistics.pairs import MCNEMAR, STUDENT, STUDENT_ONE, Comparison, compare, holm, mcnemar
from harness.statistics.ranking import Ranking, rank_rows, ranks
from harness.statistics.steps import FEWEST_VALUES, Levels, exact_levels, find_levels
from harness.statistics.times import (
    FEWEST_ROWS,
    Spread,
    ratio_interval,
    spearman,
    spread_of_passes,
    spread_of_repeats,
    spread_of_successive,
    tie_ranks,
)

__all__ = [
    "FEWEST_ROWS",
    "FEWEST_VALUES",
    "MCNEMAR",
    "STUDENT",
    "STUDENT_ONE",
    "CalibrationError",
    "Comparison",
    "CurvePoint",
    "Interval",
    "LearningCurve",
    "Levels",
    "Prediction",
    "Ranking",
    "ReliabilityBin",
    "Spread",
    "accuracy_interval",
    "brier_score",
    "calibration_error",
    "compare",
    "exact_levels",
    "expected_calibration_error",
    "find_levels",
    "fit_answers",
    "fit_learning_curve",
    "holm",
    "mcnemar",
    "mean_interval",
    "median_interval",
    "rank_rows",
    "ranks",
    "ratio_interval",
    "reliability",
    "spearman",
    "spread_of_passes",
    "spread_of_repeats",
    "spread_of_successive",
    "spread_over_seeds",
    "tie_ranks",
    "wilson",
]
