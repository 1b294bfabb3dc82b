"""Labels on everything the stacks make; by them `drive` recognises what a killed run left behind."""

NETWORK = "werkplaats.network"
ORGANISATION = "werkplaats.organisation"
STACK = "werkplaats.stack"


def labels(stack: str, network: str, organisation: str = "") -> dict[str, str]:
    """Labels of one object: the stack's project name, the network and, where it belongs to one, the organisation."""
    found = {STACK: stack, NETWORK: network}
    return found | {ORGANISATION: organisation} if organisation else found
