#!/usr/bin/python3
"""Makes a station's keys and its certificate request on its own server; only public parts come back."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keys import Identity, IdentityError  # the program that `werkplaats up` runs too

DOCUMENTATION = r"""
module: station_identity
short_description: Make a station's gateway key, certificate request and statement key
description:
  - Gateway key ECDSA P-256, statement key Ed25519; both made here, neither ever leaves.
  - Returns the fact C(station_identity) with request_pem, request_fingerprint, key_fingerprint, statement_key and
    statement_fingerprint.
author: [datawerkplaats]
options:
  organisation:
    description: Organisation of the station, as the request names it. The coordinator takes only the public key of it.
    type: str
    required: true
  network:
    description: Home network of the station, as the request names it.
    type: str
    required: true
  published:
    description: Statement key to the number of the gateway key that is published under it; the next one is higher.
    type: dict
    default: {}
"""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "organisation": {"type": "str", "required": True},
            "network": {"type": "str", "required": True},
            "published": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    given = (module.params[name] for name in ("organisation", "network", "published"))
    identity = Identity(*given, check=module.check_mode)
    try:
        made, fact = identity.make(), identity.fact()
    except IdentityError as problem:
        module.fail_json(msg=str(problem))
    said = "made " + ", ".join(made) if made else "the station has its keys"
    module.exit_json(changed=bool(made), ansible_facts={"station_identity": fact}, msg=said)


if __name__ == "__main__":
    main()
