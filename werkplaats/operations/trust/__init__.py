"""Trust: who is who in a network, and how that is made, approved, published, accepted and revoked.

The data walks one way, a module per step::

    identities (request → approve, signed by authority) → publication (with revocation's list) → acceptance

`profile` says what every certificate looks like, for who makes one and for who reads one; `records` is the
coordinator's reviewable text; `index` holds the files of a publication together, under the CA's `signature`.
"""
