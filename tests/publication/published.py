"""What tests publish: the images of a release, and a question."""

import json

from network_topology import model

RELEASES = {"dev": {"release": "dev", "image": "sha256:" + "0" * 64}}
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
