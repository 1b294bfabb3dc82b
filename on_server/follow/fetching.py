"""The place at a web server that an accepted definition names: what the part that fetches brings is one more source."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from typing import Any

from on_server.follow import places, rules, telling, told
from on_server.follow.places import Paths

Ask = Callable[[bytes], bytes]
LONGEST_WHY = 500
_NO_ANSWER = (rules.RuleError, OSError, ValueError, KeyError, TypeError, AttributeError)


def fetch(paths: Paths, ask: Ask) -> bool:
    """Have every place looked at; returns whether anything was brought. What fails is told, and stops nothing."""
    urls = _urls(paths)
    answers, why = _answers(paths, urls, ask)
    with places.lock(paths):
        before = telling.before(paths)
        rows = {name: dict(before.get(name, {})) for name in paths.names()}
        brought = False
        for name, row in rows.items():
            was = row.pop("url", None)
            if name not in urls:
                shutil.rmtree(paths.fetched(name), ignore_errors=True)
                continue
            answer, fault = answers.get(name, {}), why
            try:
                brought = _keep(paths, name, answer.get("files")) or brought
            except _NO_ANSWER as error:
                fault = fault or f"what was fetched is not kept: {error}"
            row["url"] = _row(was, urls[name], fault or answer.get("why", ""))
        rows = {name: row for name, row in rows.items() if row}
        if rows != before:
            telling.tell(paths, rows)
        return brought


def _urls(paths: Paths) -> dict[str, str]:
    """Network → the place that its operator accepted, where there is one and a publication to compare it with."""
    found = {}
    for name in paths.names():
        try:
            url = places.document(paths.accepted(name).read_text())["definition"].get("publication_url")
        except _NO_ANSWER:
            continue  # the run that places says what is wrong with it
        if isinstance(url, str) and paths.kept(name).is_dir():
            found[name] = url
    return found


def _answers(paths: Paths, urls: Mapping[str, str], ask: Ask) -> tuple[dict[str, Any], str]:
    if not urls:
        return {}, ""
    asked = {name: {"url": url, "kept": str(paths.kept(name))} for name, url in urls.items()}
    try:
        said = ask(json.dumps({"networks": asked}).encode())
        rules.require(said.isascii(), "it answers in other characters than JSON needs")  # each would cost four bytes
        found = places.document(said)["networks"]
        return {name: found[name] for name in asked if isinstance(found[name], dict)}, ""
    except _NO_ANSWER as error:
        return {}, f"the part that fetches: {error}"


def _keep(paths: Paths, network: str, files: Mapping[str, str] | None) -> bool:
    if files is None:
        return False
    rules.published(files)
    if places.texts(paths.fetched(network)) == files:
        return False
    places.put_folder(paths.fetched(network), files)
    return True


def _row(before: object, url: str, said: object) -> dict[str, str]:
    """What is told of a place; since when it fails, where it does."""
    why = told.text(said, LONGEST_WHY) or ""
    since = before.get("since") if isinstance(before, dict) and before.get("url") == url and before.get("why") else None
    return {"url": url, "why": why} | ({"since": since or telling.now()} if why else {})
