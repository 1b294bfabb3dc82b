"""The sandbox twin of a federation: the same one over the twins of its members."""

import dataclasses

from network_topology import model, names
from network_topology import twin as regional
from network_topology.federations.resolved import Resolved


def sandbox_twin(resolved: Resolved) -> Resolved:
    """The twin, whose members are twins. The root of each is that of the twin's own publication, once it has one."""
    federation = resolved.federation
    update = {
        "network": names.twin(federation.network),
        "coordinator": _moved(federation.coordinator),
        "computing": tuple(map(_moved, federation.computing)),
        "computing_alternates": tuple(tuple(map(_moved, parties)) for parties in federation.computing_alternates),
        "members": {names.twin(slug): one for slug, one in federation.members.items()},
        "publication_url": None,
    }
    members = {names.twin(slug): regional.sandbox_twin(one) for slug, one in resolved.members.items()}
    return dataclasses.replace(
        resolved, federation=federation.model_copy(update=update).placed(federation.places), members=members
    )


def asked_of_twin(asked: model.Question) -> model.Question:
    """The same question, of the twins of those whom it names."""
    return asked.model_copy(
        update={
            "contributes": tuple(map(_moved, asked.contributes)),
            "results_to": tuple(map(_moved, asked.results_to)),
        }
    )


def _moved(reference: str) -> str:
    network, organisation = names.referred(reference) or ("", "")
    return names.reference(names.twin(network), organisation)
