"""What tests publish: the images of a release, and a question."""

import json
from typing import Any

from network_topology import model
from publication import whole


def release(name: str = "dev", image: str = "0") -> dict[str, Any]:
    """What a release is; another digit is another image."""
    digests = dict.fromkeys(("image_id", "manifest_digest", "archive"), "sha256:" + image * 64)
    return {"release": name, "protocols": [2], **digests}


RELEASES = {"dev": release()}
HOLDERS = whole.Holders(
    root=whole.Keys(keys=tuple(f"sha256:{digit * 64}" for digit in "123"), threshold=2),
    releases=whole.Keys(keys=tuple(f"sha256:{digit * 64}" for digit in "45"), threshold=2),
)
"""Of a publication of which no signature is looked at."""
QUESTION = model.Question.model_validate_json(
    json.dumps(
        {
            "analysis": "hotspots/1",
            "purpose": "Where influenza rises",
            "parameters": {"areas": ["7001-7040"]},
            "fields": {"postcode4": "four digits"},
            "contributes": ["ggd", "ziekenhuis", "thuiszorg"],
            "results_to": ["ggd"],
            "minimum_cell": 10,
            "minimum_contributors": 3,
            "dpia_annex": "2026-03-01",
            "term": {"until": "2029-03-01", "at_most": "daily"},
        }
    )
)


def texts(changes: tuple[Any, ...]) -> str:
    return "\n".join(change.text for change in changes)


def without(definition: model.Definition, *organisations: str, **changes: object) -> model.Definition:
    kept = {slug: one for slug, one in definition.organisations.items() if slug not in organisations}
    return definition.model_copy(update={"organisations": kept, **changes})
