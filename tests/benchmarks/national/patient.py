"""An agent whose questions wait ten minutes for contributors: here hundreds of them share two cores, elsewhere none."""

from __future__ import annotations

from unittest import mock

from station_image.runtime import agent
from station_image.runtime.consent import plan
from station_image.runtime.control import verbs

if __name__ == "__main__":
    with mock.patch.object(verbs, "INTAKE_DATA", plan.LONGEST_INTAKE):
        raise SystemExit(agent.main())
