"""Somebody suspects that personal data got out: stop, keep evidence, and draft what article 33 of the GDPR asks for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from base import files
from runbooks.framework import breach, common, evidence, record
from runbooks.framework.steps import Case, Step, StepError
from werkplaats.operations.reach.servers import UnreachableError

TITLE = "Suspected leak of personal data"
ABOUT = "network"
EXPLAINS = ()
INTERRUPTS = "every session, once people stop the stations as it asks"
LOSES = ""
NAME = __name__.rpartition(".")[2].replace("_", "-")
DRAFT = "article-33-{}.md"


def steps(case: Case) -> Sequence[Step]:
    """Stop, keep, draft; then people decide, tell, and let it go on."""
    name, tried = case.network.name, set[str]()
    return (
        common.asked(
            "stopped",
            "stop what may leak on, and lose nothing by it",
            "On each own server, as root, `station-cut NETWORK.PEER` for each other organisation ends sessions and "
            "links at once (`station-cut --restore NETWORK.PEER` undoes it); its steward takes the yes back: "
            "`station refuse NAME`. Is it one organisation's station, the coordinator holds it: "
            f"`werkplaats trust revoke {name} ORGANISATION --reason certificateHold --now`. Ring other operators for "
            "theirs. Switch no server off, remove and mend nothing: what is there is evidence. Is it stopped, or "
            "decided that it need not be?",
        ),
        Step(
            key="evidence",
            words="keep a copy of what the own servers know, beside the record, with a list of digests",
            done=lambda case: _is_kept(case, tried),
            run=lambda case: _keep(case, tried),
            no_way_back="what is kept as evidence is never removed by a program",
            patience=0,
        ),
        Step(
            key="draft",
            words="draft the notification of article 33 for each organisation whose server this operator runs",
            done=_is_drafted,
            run=_draft,
            before=lambda case: evidence.sums(_folder(case)),
            no_way_back="people write in it from then on, so no program writes over it",
            patience=0,
        ),
        common.asked(
            "decided",
            "decide whether it is a breach, and who notifies it when",
            "Each organisation is the controller of its own data, and decides with its data protection officer, who "
            "fills in what is open in its draft. 72 hours count from when it knew (article 33(1)); what is not known "
            "by then follows in phases. Did each decide?",
        ),
        common.asked(
            "told",
            "tell whom it concerns",
            "The authority, or why not; the people themselves where their risk is high (article 34); the other "
            "organisations, their stewards, the processors. Were they told?",
        ),
        common.asked(
            "again",
            "let go on only what is safe",
            "What was cut and held stays so until its organisation says that it is safe: "
            "`station-cut --restore NETWORK.PEER`, "
            f"`werkplaats trust reinstate {name} ORGANISATION`, `station allow`. Is that so, or decided to stay as it "
            "is?",
        ),
    )


def _told(case: Case) -> record.Record | None:
    """The record of the run that goes on; none in a dry run of what was never begun."""
    return record.unfinished(case.network.vault.folder / record.FOLDER, NAME, case.subject)


def _folder(case: Case) -> Path:
    told = _told(case)
    if told is None:
        raise StepError("no record of it goes on")
    return evidence.folder(told.path)


def _own(case: Case) -> list[str]:
    return [one.organisation for one in case.network.servers]


def _why_not(folder: Path) -> Mapping[str, str]:
    """Organisation → why its server's is not kept, as the last run found it."""
    found = folder.glob("*.not-kept")
    return {one.name.removesuffix(".not-kept"): one.read_text().strip() for one in sorted(found)}


def _is_kept(case: Case, tried: Collection[str]) -> bool:
    """Whether each is kept that can be reached now, or was tried by this run, and it is known of each other why not."""
    if (told := _told(case)) is None:
        return False
    folder = evidence.folder(told.path)
    left = [one for one in _own(case) if not evidence.path(folder, one).exists()]
    return evidence.read_list(folder) == evidence.sums(folder) and all(
        one in _why_not(folder) and (one in tried or not _reached(case, one)) for one in left
    )


def _reached(case: Case, organisation: str) -> bool:
    try:
        return case.remotes.ask(organisation, "true").exited == 0
    except UnreachableError:
        return False


def _keep(case: Case, tried: set[str]) -> None:
    """Keep those of all; one that lets us in and gives nothing, as whoever is root there likes, holds up no other's."""
    folder = _folder(case)
    tried.update(_own(case))
    lost = evidence.keep(case.remotes, _own(case), folder)
    for organisation in _own(case):
        place = folder / f"{organisation}.not-kept"
        if why := lost.get(organisation):
            case.say(f"not kept of {organisation}: {why}")
            files.write_atomically(place, f"{why}\n".encode(), mode=0o600)
        else:
            place.unlink(missing_ok=True)
    case.say(f"kept in {folder}")


def _drafts(case: Case) -> dict[str, Path]:
    folder = _folder(case)
    return {one: folder / DRAFT.format(one) for one in _own(case)}


def _is_drafted(case: Case) -> bool:
    return _told(case) is not None and all(path.exists() for path in _drafts(case).values())


def _draft(case: Case) -> None:
    told, folder = _told(case), _folder(case)
    if told is None:
        raise StepError("no record of it goes on")
    known = breach.known(told)
    working = tuple(one.name for one in case.look().links if one.ok)
    network = case.network
    questions = {name: breach.Asked(one.purpose, one.fields, one.results_to) for name, one in network.questions.items()}
    for organisation, path in _drafts(case).items():
        if path.exists():
            continue
        facts = breach.Facts(
            network=network.name,
            organisation=organisation,
            known=known,
            names={slug: card.name for slug, card in network.definition.organisations.items()},
            questions=questions,
            sets=network.definition.sets,
            entries=tuple(evidence.register(folder, organisation)),
            kept=evidence.sums(folder),
            lost=_why_not(folder),
            working=working,
        )
        files.write_atomically(path, breach.notification(told, facts).encode(), mode=0o600, replace=False)
        case.say(f"{organisation}: before {breach.deadline(facts)}: {path}")
