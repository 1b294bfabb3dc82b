"""Products that are verified before anything that depends on them is opened: honest majority, abort.

Of m = 2t + 1 computing parties at most t lie, together, and send last. Numbers are shared by polynomials of degree t
over the field of p = 2^96 - 17 (`data/shares.py`); fewer liars than t are as strong as t of whom some keep to the
rules.

What a liar can do
    In a resharing (Gennaro, Rabin, Rabin 1998) every party shares its point of the product anew. The t + 1 honest
    points of what comes out always lie on one polynomial of degree t, whatever the liars sent, and to whomever. So
    every lie is an additive error in the value that the liars chose, and no check of degrees finds it; Genkin et al.
    (STOC 2014) call this an additive attack. What is reshared is always hidden: each of its messages is uniform. Only
    what is *opened* can tell anything.

Why a check at the end is not enough
    Chida et al. (CRYPTO 2018, eprint 2018/570), Boneh et al. (CRYPTO 2019, eprint 2019/188) and Goyal and Song
    (eprint 2020/134) verify once, before the outcome. There nothing else is opened. A comparison here opens its
    number plus a mask, and then an error made before is no longer one that the liars chose without knowing: in x = (b
    + d) * a it lifts a out of the mask's reach (d = 2^90 puts the low bits of a where the mask does not cover).
    Random bits are worse: they come from r^2, opened with 2t + 1 shares, of which the last may be anything. A liar
    makes it r^2 / u^2, the "bits" are then (1 +- u) / 2, and with u = 2^(l + 1 - i) for the bit of place i the mask is
    the same modulo 2^l whatever r was: the opened number shows a suppressed total at once. `test_bits.py` does it. So
    `Verified.open` verifies all that was multiplied before it opens anything, the mask's bits included.

Why every opening waits for all
    Where parties run ahead of each other a liar withholds its message of a resharing from one honest party, lets
    another go on to the opening, reads the number, and only then chooses what the first one is to have (described for
    another system in github.com/private-attribution/ipa, pull request 1205). Here an honest party opens only after it
    heard the transcript of every other, which these send only when they have all they wait for; and between that and
    the opening nothing is reshared. This is why an opened number is not shared anew first: with t liars' points the
    value determines the whole polynomial, so the polynomial tells them, and whoever sees all of it, nothing but its
    value.

The verification (`verify`)
    0  (a0, b0): two random numbers, c0 their product: one more record. It is what hides the numbers opened in 5.
    1  A coin gives a random weight w_i per record: sum of w_i * c_i must be the inner product of w_i * a_i and b_i.
       The wrong pass with probability 1/p.
    2  The two vectors are cut into k parts a_i, b_i. For each difference d of two positions, not 0, the parties
       reshare x_d = sum of <a_i, b_j> over i - j = d. Two vectors of one part's length remain, by a coin z, not 0: a'
       = sum of z^i * a_i, b' = sum of z^-j * b_j, c' = c + sum of z^d * x_d. With a wrong c or x_d, <a', b'> - c' is
       z^(1-k) times a polynomial of z of degree 2k - 2 that is not 0: the wrong pass with probability (2k - 2) / (p -
       1). Repeated until the length is 1.
    3  All compare their transcripts: the coins, and all numbers that were opened with 2t + 1 shares. Before 5:
       parties with different z would have a0 cancel, and open a combination of secrets.
    4  That comparison is also the wait for all.
    5  a', b', c' are opened with all shares, of degree t. c' = a'b', or all abort. Nobody can be named.
    The factors of a0 and b0 in a' and b' are 1, so these are uniform, and c' - a'b' depends on the liars' errors and
    the coins alone: whether it aborts tells nothing.

Soundness
    With k = 16 and 2^24 records at most six levels: at most 1/p + 6 * 30/(p - 1) < 2^-88 per verification; the coins
    are SHA-256 of seeds, within 2^-32 of uniform relative to that. Ten verifications: below 2^-84. Against that the
    comparison's mask hides with 2^-(spare) per number, `spare` being what the field leaves (see `Verified.below`), 70
    bits and more for counts; commitments, PRSS and transcripts stand on SHA-256 and SHAKE-256 (keys of 128 bits).

The coin
    Every party tells its seed, and commits to the next one in the same message. The coin is a hash of all m seeds.
    The last honest party tells its seed only when it has all messages before, so nobody knows the coin before the
    errors are fixed. An opened random number would not do: t liars and the one honest party that is ahead would know
    it earlier. A commitment holds its party's number, so that none can be copied. Different commitments for different
    parties make different transcripts.

Keys of pseudorandom sharing
    Made by the party with the lowest number of each set of t + 1. Two honest parties with different keys have points
    that lie on a polynomial all the same, of a number whose size is not bounded: the mask is no mask and a comparison
    is wrong, with no product wrong. So at the start both compare digests of each key that they have in common.

What it does not do
    It names nobody where products are wrong, and a liar can always end the session. A party that sends nothing holds
    up all others until the session's own limits end it. Who else may know the outcome is not its matter.
"""
