"""Tasks that nobody waits for."""

from __future__ import annotations

import asyncio

import pytest

from station_image.runtime.base import background


def test_an_unexpected_error_is_noted_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> None:
        async def work() -> None:
            raise KeyError("value 12345")

        await asyncio.wait({background.start(work())})
        await asyncio.sleep(0)

    asyncio.run(run())
    out = capsys.readouterr().out
    assert "KeyError" in out
    assert "12345" not in out
