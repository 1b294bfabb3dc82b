"""The agreed questions of a network as one station is told them, by what its operator accepted."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping

from base import canonical
from network_topology import model, questions, tables
from network_topology.compiling import compiled
from publication import acceptance

Documents = dict[str, questions.Document]


def wanted(
    view: acceptance.Accepted,
    network: compiled.CompiledNetwork,
    asked: Mapping[str, model.Question],
    organisation: str,
) -> tuple[Documents, dict[str, str]]:
    """The questions that a station is to be told; and those that wait, with the reason."""
    digests = {slug: _key_digest(key) for slug, key in view.statement_keys.items()}
    found, waiting = Documents(), {}
    for name, one in sorted(asked.items()):
        if organisation not in questions.taking_part(one, network.computes):
            continue
        try:
            found[name] = questions.document(name, one, view.definition, network, digests)
        except LookupError as error:
            waiting[name] = str(error.args[0])
    return found, waiting


def _key_digest(statement_key: str) -> str:
    """How a station names a statement key in a plan: the SHA-256 of its bytes, in hexadecimal."""
    return hashlib.sha256(base64.b64decode(statement_key)).hexdigest()


def figures(documents: Documents, published: Mapping[str, tables.Table]) -> dict[str, questions.Document]:
    """The tables that questions name, by the digest in the question."""
    named = {tables.named_by(one["parameters"]) for one in documents.values()}
    return {one.reference["digest"]: one.document for name, one in published.items() if name in named}


def texts(documents: Documents, beside: Mapping[str, questions.Document]) -> dict[str, str]:
    """The files in which a station finds its questions and the tables that they name, the tables first if any.

    A question is asked as soon as it is there.
    """
    found = {"tables": canonical.dump(beside).decode()} if beside else {}
    return {**found, "questions": json.dumps(documents, indent=1, sort_keys=True, ensure_ascii=False) + "\n"}
