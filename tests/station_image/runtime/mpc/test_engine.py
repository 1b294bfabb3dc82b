"""How MPyC shares numbers anew here."""

from __future__ import annotations

import numpy as np
import pytest
from mpyc import finfields

from station_image.runtime.data import shares
from station_image.runtime.mpc import engine


@pytest.mark.parametrize(("threshold", "parties"), [(0, 1), (1, 3), (2, 5), (3, 7)])
def test_numbers_that_mpyc_shares_anew_are_on_fresh_polynomials_of_the_threshold(threshold: int, parties: int) -> None:
    field = finfields.GF(shares.FIELD)
    secret = [0, 1, shares.FIELD - 1]
    for given_as in (np.array(secret, dtype=object), field.array(np.array(secret, dtype=object))):
        rows = engine.split(field, given_as, threshold, parties).tolist()
        assert shares.recombine(rows, threshold) == secret
        if threshold:
            assert rows != engine.split(field, given_as, threshold, parties).tolist()
            assert shares.inconsistent(rows, threshold - 1) == [0, 1, 2]
