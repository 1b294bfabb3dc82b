"""The place at a web server that an accepted definition names: what the part that fetches brings is one more source."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from on_server.follow import parts, places, rules, telling, told
from on_server.follow.places import Paths

LONGEST_WHY = 500


def fetch(paths: Paths, ask: parts.Ask) -> bool:
    """Have every place looked at; returns whether anything was brought. What fails is told, and stops nothing."""
    urls = _urls(paths)
    asked = {name: {"url": url, "kept": str(paths.kept(name))} for name, url in urls.items()}
    answers, fault = parts.answers(ask, asked) if asked else ({}, "")
    why = fault and f"the part that fetches: {fault}"
    with places.lock(paths):
        before = telling.before(paths)
        rows = {name: dict(before.get(name, {})) for name in paths.names()}
        brought = False
        for name, row in rows.items():
            was = row.pop("url", None)
            if name not in urls:
                shutil.rmtree(paths.fetched(name), ignore_errors=True)
                continue
            answer = answers.get(name, {})
            fault = why or ("" if answer else "nothing is answered about it")
            try:
                brought = _keep(paths, name, answer.get("files")) or brought
            except parts.NO_ANSWER as error:
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
        except parts.NO_ANSWER:
            continue  # the run that places says what is wrong with it
        if isinstance(url, str) and paths.kept(name).is_dir():
            found[name] = url
    return found


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
