"""Quantiles and tails are those of scipy.stats, which is too slow to import for a command."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from harness.statistics.distributions import (
    binomial_cdf,
    chi_squared_quantile,
    normal_quantile,
    student_quantile,
    student_tail,
)

SHARES = (0.001, 0.025, 0.5, 0.8, 0.975, 0.9999)
FREEDOMS = (1.0, 1.7, 2, 4.44, 30, 999.5, np.inf)


@pytest.mark.parametrize("share", SHARES)
def test_quantiles_are_the_usual_ones(share: float):
    assert normal_quantile(share) == pytest.approx(stats.norm.ppf(share), rel=1e-12, abs=1e-12)
    for freedom in FREEDOMS:
        expected = stats.t.ppf(share, freedom)
        assert student_quantile(share, freedom) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    for freedom in (1, 2, 7):
        expected = stats.chi2.ppf(share, freedom)
        assert chi_squared_quantile(share, freedom) == pytest.approx(expected, rel=1e-9)


def test_tails_are_the_usual_ones_also_of_infinite_freedom():
    statistic = np.array([0.0, 0.3, 1.96, 4.0, np.inf])[:, None]
    freedom = np.array(FREEDOMS)
    np.testing.assert_allclose(
        student_tail(statistic, freedom), stats.t.sf(statistic, freedom), rtol=1e-9, atol=1e-15
    )


def test_binomial_tails_are_the_usual_ones_also_of_thousands_of_trials():
    for trials in (1, 6, 100, 5_000):
        successes = np.arange(trials + 1)
        np.testing.assert_allclose(
            binomial_cdf(successes, trials, 0.5), stats.binom.cdf(successes, trials, 0.5), rtol=1e-9
        )


def test_statistics_do_not_import_what_takes_most_of_a_second():
    words = "import sys, harness.statistics; print('scipy.stats' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
