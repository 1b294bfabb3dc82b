from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from base import errors
from publication import identity

KEY = ec.generate_private_key(ec.SECP256R1()).public_key()
STATEMENT_KEY = base64.b64encode(ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()


def test_a_statement_key_is_written_in_one_way_only() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = alphabet[alphabet.index(STATEMENT_KEY[42]) ^ 1]  # the lowest bits of this character are beyond the 32 bytes
    other = STATEMENT_KEY[:42] + last + "="
    assert base64.b64decode(other) == base64.b64decode(STATEMENT_KEY)
    with pytest.raises(errors.RequestError, match="in an unusual way"):
        identity.checked_statement_key(other, "here")


slugs = st.from_regex(r"[a-z][a-z0-9-]{1,12}", fullmatch=True)


@given(one=st.tuples(slugs, slugs), other=st.tuples(slugs, slugs))
def test_a_fingerprint_covers_network_and_organisation_and_where_one_ends(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    def of(pair: tuple[str, str]) -> str:
        return identity.fingerprint(*pair, KEY, STATEMENT_KEY)

    assert (of(one) == of(other)) == (one == other)
    moved = (one[0] + one[1][:1], one[1][1:])
    assert of(moved) != of(one)


def test_a_fingerprint_covers_both_keys() -> None:
    own = identity.fingerprint("gerda", "ggd", KEY, STATEMENT_KEY)
    other_key = ec.generate_private_key(ec.SECP256R1()).public_key()
    other_statement = base64.b64encode(bytes(32)).decode()
    found = {
        own,
        identity.fingerprint("gerda", "ggd", other_key, STATEMENT_KEY),
        identity.fingerprint("gerda", "ggd", KEY, other_statement),
    }
    assert len(found) == 3
    assert all(len(one) == len("SHA256:") + 43 for one in found)
