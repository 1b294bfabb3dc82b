"""The software of a station, in two processes that share nothing but a folder with a socket.

The agent (`python3 -m station_image.runtime.agent`) decides and talks: it holds the statement key, checks every plan
against the definition that its own operator accepted, shares out its organisation's input, and hands connections over.
The computer (`python3 -m station_image.runtime.computer`) computes: a process per session, MPyC inside, and nothing in
its reach that is worth stealing.

The agent imports neither numpy nor MPyC: it starts in a tenth of a second and stays small.

Its rooms, of which each knows only those below it:

    agent, computer     put the parts together, each given what it needs
    control             what the organisation's own people ask
    session · mpc       a session from proposal to result · what computing parties compute
    releases            which release each station runs, and who is away while it is replaced
    consent · wire      whether this station takes part · bytes from others
    analyses            one file each
    accepted · data     who is who · records, shares, editions
    base                contract, folders, files, journal, refusal
"""
