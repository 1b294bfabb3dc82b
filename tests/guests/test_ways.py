"""A guest on servers whose logins are as their owners like them, of an operator whose machine lacks its own locale."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.guests import ways
from tests.guests.judged import (  # noqa: F401  # asked of each of these situations
    test_after_a_reboot_the_owner_s_is_as_it_was_and_the_station_works,
    test_up_brings_a_verified_station_or_refuses_with_a_sentence_and_places_nothing,
    test_what_is_the_owner_s_is_as_it_was,
)

pytestmark = [pytest.mark.servers, pytest.mark.slow]
SITUATIONS = ways.SITUATIONS


@pytest.fixture(scope="module", autouse=True)
def no_locale() -> Iterator[None]:
    """As of who logs in to a small machine from a Dutch laptop: ssh hands on the laptop's, and nobody generated it."""
    with pytest.MonkeyPatch.context() as own:
        for name, value in {"LC_ALL": "nl_NL.UTF-8", "LANG": "nl_NL.UTF-8", "LANGUAGE": "nl"}.items():
            own.setenv(name, value)
        yield
