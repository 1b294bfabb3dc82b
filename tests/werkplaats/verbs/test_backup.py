"""A coordinator's machine is lost, and what it was comes back on another one: all of it, or nothing."""

from __future__ import annotations

import dataclasses
import datetime
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from base import canonical, errors, files
from publication import publication, revocations, verified
from tests.harness import chance, sandboxes
from tests.harness.coordinator import Coordinator, Keys, make_keys
from tests.publication.published import RELEASES
from werkplaats import cli
from werkplaats.operations.backup import box, content, restore
from werkplaats.operations.coordinator import learn, ledger, revocation
from werkplaats.operations.coordinator import publish as publishing
from werkplaats.operations.home import networks, sealed, vault
from werkplaats.verbs import common

PASSPHRASE = "een lange zin die niemand raadt"
NETWORK = "los"
FEDERATIONS = sandboxes.ROOT / "tests/network_topology/federations/networks"


@dataclasses.dataclass
class Machine:
    """A coordinator's machine: a home and a state folder; `use` makes it the one that commands run on."""

    folder: Path
    patch: pytest.MonkeyPatch
    keys: dict[str, Keys] = dataclasses.field(default_factory=dict)

    def use(self) -> networks.Network:
        self.patch.setenv("XDG_STATE_HOME", str(self.folder / "state"))
        self.patch.setenv("WERKPLAATS_HOME", str(self.folder / "home"))
        return networks.find(NETWORK, self.folder / "home")

    @property
    def coordinator(self) -> Coordinator:
        network = self.use()
        return Coordinator(network.definition, network.vault, ledger.Records(network.inventory))

    def approve(self, organisation: str, keys: Keys | None = None) -> int:
        """Approve an organisation, and give the serial of its certificate."""
        self.keys[organisation] = keys or make_keys()
        return self.coordinator.approve(organisation, self.keys[organisation]).station_certificate.serial_number

    def publish(self, moment: datetime.datetime | None = None) -> verified.Verified:
        network = self.use()
        network.publication.parent.mkdir(exist_ok=True)
        return publishing.publish(network.publication, network.definition, RELEASES, self.coordinator.authority, moment)

    def backup(self, *words: str) -> int:
        self.patch.setenv("XDG_STATE_HOME", str(self.folder / "state"))
        return cli.main(["--home", str(self.folder / "home"), "backup", words[0], NETWORK, *words[1:]])

    def rename(self, organisation: str, name: str) -> Path:
        """Change the definition; returns its file."""
        definition = self.folder / "home" / "networks" / NETWORK / "network.yml"
        before = f"name: {self.use().definition.organisations[organisation].name}"
        definition.write_text(definition.read_text().replace(before, f"name: {name}"))
        return definition

    @property
    def vault(self) -> Path:
        return self.folder / "state" / "werkplaats" / NETWORK


@pytest.fixture(autouse=True)
def _passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box, "COST", 2)
    monkeypatch.setattr(sealed, "COST", sealed.QUICK)
    (tmp_path / "passphrase").touch(mode=0o600)
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    monkeypatch.setenv(vault.PASSPHRASE_FILE, str(tmp_path / "passphrase"))


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Keys]]:
    """The folder of a machine, and the keys of who was approved there: empty before one was made."""
    return tmp_path_factory.mktemp("machine") / "first", {}


@pytest.fixture
def machine(made_once: tuple[Path, dict[str, Keys]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A coordinator of a network of four, that published twice: made once, and copied."""
    place, keys = made_once
    if not keys:
        keys |= _published_twice(Machine(tmp_path / "first", monkeypatch))
        shutil.copytree(tmp_path / "first", place, symlinks=True)
    else:
        shutil.copytree(place, tmp_path / "first", symlinks=True)
    made = Machine(tmp_path / "first", monkeypatch, {name: dataclasses.replace(one) for name, one in keys.items()})
    made.use()
    return made


def _published_twice(made: Machine) -> dict[str, Keys]:
    sandboxes.sandbox(made.folder, NETWORK)
    for organisation in ("ggd", "ziekenhuis"):
        made.approve(organisation)
        made.publish()
    inventory = made.use().inventory
    (inventory / "servers.yml").write_text("{}\n")
    made.use().vault.write("ssh-pins", b"")
    (made.vault / "run").mkdir()
    (made.vault / "run" / "passing").write_text("passing")
    return made.keys


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Another machine, on which there is nothing."""
    (tmp_path / "second" / "home").mkdir(parents=True)
    return Machine(tmp_path / "second", monkeypatch)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "los.backup"


def members(machine: Machine, folder: Path) -> Path:
    """The newest publication as a member has it."""
    return Path(shutil.copytree(machine.folder / "home" / "publications" / NETWORK, folder / "of-a-member"))


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_backup_is_one_file_that_only_its_owner_reads_and_that_tells_nothing(machine: Machine, file: Path) -> None:
    assert machine.backup("make", str(file)) == errors.DONE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.glob("*los.backup*")] == [file.name]
    assert b"PRIVATE KEY" not in file.read_bytes()
    assert b"ggd" not in file.read_bytes()


def test_what_comes_back_on_another_machine_is_what_there_was(
    machine: Machine, other: Machine, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.backup("make", str(file))
    before, newest = machine.publish(), members(machine, tmp_path)
    there = everything(machine.vault), everything(machine.use().inventory)
    shutil.rmtree(machine.folder)
    assert other.backup("restore", str(file), "--publication", str(newest), "--yes") == errors.DONE
    told = capsys.readouterr().out
    assert "learned: " not in told
    here = everything(other.vault), everything(other.use().inventory)
    assert {**here[0], "run/passing": b"passing"} == there[0] | {"lock": b""}
    assert here[1] == there[1]
    for path in other.vault.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert other.publish() == before, "nothing changed, so nothing is published"
    other.approve("thuiszorg")
    assert other.publish().number == before.number + 1


def old_backup(machine: Machine, file: Path, folder: Path) -> tuple[verified.Verified, Path, int]:
    """A backup, after which much was done: the newest publication, a member's copy, a serial that was revoked since."""
    machine.backup("make", str(file))
    coordinator = machine.coordinator
    gone = revocation.revoked_serials(coordinator.records)
    assert gone == set()
    serial = next(int(row["serial"], 16) for row in coordinator.records.rows("serials") if "station-ggd" in row["name"])
    revocation.revoke(coordinator.authority, serial, "keyCompromise")
    held = machine.approve("huisartsen")
    revocation.revoke(coordinator.authority, held, revocation.HOLD)
    machine.publish()
    keys = make_keys()  # of a statement key that stays
    keys.statement, keys.serial = machine.keys["ziekenhuis"].statement, 2
    machine.approve("ziekenhuis", keys)
    machine.approve("thuiszorg")
    newest = machine.publish()
    copy = members(machine, folder)
    shutil.rmtree(machine.folder)
    return newest, copy, serial


@pytest.mark.parametrize("learns", [False, True])
def test_an_old_backup_gives_nobody_back_what_was_revoked_and_no_number_twice(
    machine: Machine, other: Machine, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, learns: bool
) -> None:
    """Without what it learns the coordinator publishes a stolen key's certificate as valid, and numbers of before."""
    newest, copy, serial = old_backup(machine, file, tmp_path)
    if not learns:
        monkeypatch.setattr(learn, "learn", lambda *_: [])
    assert other.backup("restore", str(file), "--publication", str(copy), "--yes") == errors.DONE
    if not learns:
        (other.use().publication).unlink()
        found = other.publish()
        assert "ggd" in found.identities
        assert found.revocations.get_revoked_certificate_by_serial_number(serial) is None
        assert found.number < newest.number
        return
    assert other.publish() == newest
    reasons = {row["reason"] for row in revocation.entries(other.coordinator.records).values()}
    assert reasons == {"keyCompromise", "superseded", revocation.HOLD}
    other.approve("huisartsen")
    found = other.publish()
    assert found.number == newest.number + 1
    assert set(found.identities) == {"ziekenhuis", "thuiszorg", "huisartsen"}
    assert found.identities["ziekenhuis"] == newest.identities["ziekenhuis"]
    assert found.revocations.get_revoked_certificate_by_serial_number(serial) is not None
    revocation.revoke(other.coordinator.authority, found.identities["thuiszorg"].station_certificate.serial_number)
    after = other.publish()
    assert revocations.number(after.revocations) == revocations.number(newest.revocations) + 1
    assert len(list(after.revocations)) == len(list(newest.revocations)) + 1
    with pytest.raises(errors.RequestError, match="that for these keys was revoked"):
        other.approve("ggd", machine.keys["ggd"])
    keys = make_keys()
    keys.statement = machine.keys["ziekenhuis"].statement
    with pytest.raises(errors.RequestError, match="is signed as number 1, and number 2 was approved before"):
        other.approve("ziekenhuis", keys)


def test_a_coordinator_gets_no_key_back_before_it_has_the_newest_publication(
    machine: Machine, other: Machine, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = members(machine, tmp_path / "stale")
    machine.rename("thuiszorg", "Thuiszorg Anders")
    machine.publish()
    _, copy, _ = old_backup(machine, file, tmp_path)
    for words in ((), ("--publication", str(stale))):
        assert other.backup("restore", str(file), "--check", *words) == errors.FOUND
        assert other.backup("restore", str(file), "--yes", *words) == errors.REFUSED
        told = capsys.readouterr()
        assert "publication 3 was made before this backup, here is" in told.out
        assert "name the newest that any member has with --publication" in told.err
    assert not list(other.vault.glob("ca*"))
    both = ("--publication", str(stale), "--publication", str(copy))
    assert other.backup("restore", str(file), "--yes", *both) == errors.DONE


def test_check_says_what_is_in_a_file_and_changes_nothing(
    machine: Machine, other: Machine, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.backup("make", str(file))
    newest = members(machine, tmp_path)
    capsys.readouterr()
    assert other.backup("restore", str(file), "--check", "--publication", str(newest)) == errors.DONE
    told = capsys.readouterr().out
    assert f"{NETWORK}, of " in told
    assert f"ca-1: {machine.publish().authority_key}, its private key opens" in told
    assert "records: publication 2, revocation list 1, 3 certificates, 0 revoked" in told
    assert "Pulumi's state: not in it" in told
    assert f"newest publication: 2 of {machine.publish().published}" in told
    assert [path.name for path in other.vault.iterdir()] == ["lock"]
    assert list((other.folder / "home").iterdir()) == []


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda text: text[:-1] + bytes([text[-1] ^ 1]), "does not open: the passphrase is another one, or the file"),
        (lambda text: text[:200], "does not open"),
        (lambda _: b"PK\x03\x04", "is no backup of this suite"),
        (lambda _: b"", "is no backup of this suite"),
    ],
)
def test_an_edited_backup_is_refused(
    machine: Machine,
    other: Machine,
    file: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[bytes], bytes],
    why: str,
) -> None:
    machine.backup("make", str(file))
    file.write_bytes(spoil(file.read_bytes()))
    assert other.backup("restore", str(file), "--yes") == errors.REFUSED
    assert why in capsys.readouterr().err
    assert [path.name for path in other.vault.iterdir()] == ["lock"]


def test_another_passphrase_opens_no_backup(
    machine: Machine, other: Machine, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.backup("make", str(file))
    (tmp_path / "passphrase").write_text("een andere zin van genoeg tekens")
    assert other.backup("restore", str(file), "--yes") == errors.REFUSED
    assert "does not open" in capsys.readouterr().err


def test_a_backup_has_the_passphrase_of_its_vault(
    machine: Machine, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With one of its own it would open, and the CA key in it would not: nobody keeps two."""
    (tmp_path / "passphrase").write_text("een andere zin van genoeg tekens")
    assert machine.backup("make", str(file)) == errors.REFUSED
    assert "ca-1.key of los does not open with this passphrase" in capsys.readouterr().err
    assert not file.exists()


def test_a_backup_of_another_network_is_refused(
    machine: Machine, other: Machine, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its CA would sign for a network that it never was of."""
    machine.backup("make", str(file))
    assert other.backup("restore", str(file), "--yes") == errors.REFUSED
    other.patch.setattr("tests.werkplaats.verbs.test_backup.NETWORK", "anders")
    capsys.readouterr()
    assert other.backup("restore", str(file), "--yes") == errors.REFUSED
    assert f"{file} is a backup of los, not of anders" in capsys.readouterr().err


def test_a_vault_that_is_there_is_never_written_over(
    machine: Machine, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.backup("make", str(file))
    newest = members(machine, tmp_path)
    shutil.rmtree(machine.vault)
    shutil.rmtree(machine.use().inventory)
    shutil.rmtree(machine.folder / "home" / "publications")
    machine.approve("ggd")  # founds another CA
    before = everything(machine.vault) | {"lock": b"", "coordinator.lock": b""}
    assert machine.backup("restore", str(file), "--yes", "--publication", str(newest)) == errors.REFUSED
    told = capsys.readouterr().err
    assert "ca-1.key is there, and another one than in the backup" in told
    assert "serials.txt and the backup tell two stories" in told
    assert everything(machine.vault) == before


def test_a_vault_that_went_on_since_its_backup_stays_as_it_is(
    machine: Machine, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.backup("make", str(file))
    revocation.revoke(machine.coordinator.authority, machine.approve("thuiszorg"))
    newest = machine.publish()
    before = everything(machine.folder)
    assert machine.backup("restore", str(file), "--yes") == errors.DONE
    assert "serials.txt has more lines than the backup" in capsys.readouterr().out
    assert everything(machine.folder) == before
    assert machine.publish() == newest


def test_an_inventory_out_of_git_with_more_in_it_than_the_backup_stays(
    machine: Machine, other: Machine, file: Path, tmp_path: Path
) -> None:
    machine.backup("make", str(file))
    machine.approve("thuiszorg")  # is in git, and was published nowhere
    newest = members(machine, tmp_path)
    inventory = machine.use().inventory
    shutil.copytree(inventory, other.folder / "home" / "inventories" / NETWORK)
    expected = everything(inventory)
    assert other.backup("restore", str(file), "--yes", "--publication", str(newest)) == errors.DONE
    assert everything(other.use().inventory) == expected
    assert "thuiszorg" in other.publish().identities


@pytest.mark.parametrize("first", ["mine", "stranger"])
def test_nothing_is_learned_of_a_publication_of_another_ca(
    machine: Machine, other: Machine, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], first: str
) -> None:
    """Who hands a restored coordinator a publication of its own making could have it publish identities and lists."""
    machine.backup("make", str(file))
    sandboxes.sandbox(tmp_path / "stranger", NETWORK)
    stranger = Machine(tmp_path / "stranger", machine.patch)
    for organisation in ("ggd", "ziekenhuis", "thuiszorg"):
        stranger.approve(organisation)
        stranger.publish()
    hostile = members(stranger, tmp_path)
    words = ["--publication", str(hostile)]
    if first == "mine":
        words += ["--publication", str(members(machine, tmp_path / "mine"))]
    assert other.backup("restore", str(file), "--yes", *words) == errors.REFUSED
    assert "is another root of los than was accepted here" in capsys.readouterr().err
    assert not (other.vault / "ca-1.key").exists()


def test_of_a_backup_of_before_the_root_nobody_s_root_is_believed_unheard(
    machine: Machine, other: Machine, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A relay's own root would be the coordinator's from then on, and `trust root` would read it out to people."""
    folder = machine.use().inventory / "publication"
    aside = folder.rename(tmp_path / "aside")
    assert machine.backup("make", str(file)) == errors.DONE
    aside.rename(folder)
    words = ["restore", str(file), "--yes", "--publication", str(place := members(machine, tmp_path))]
    root = publication.read(place, NETWORK).root
    assert other.backup(*words) == errors.REFUSED
    assert "name the root with --root" in (told := capsys.readouterr().err)
    assert root not in told, "who is shown it gives it, and has compared nothing"
    assert not (other.vault / "ca-1.key").exists()
    assert other.backup(*words, "--root", "sha256:" + "0" * 64) == errors.REFUSED
    assert other.backup(*words, "--root", root) in (errors.DONE, errors.FOUND)


def test_a_restore_that_is_killed_anywhere_is_done_again_and_signs_nothing_before(
    machine: Machine, other: Machine, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest, copy, _ = old_backup(machine, file, tmp_path)
    words = ("restore", str(file), "--publication", str(copy), "--yes")
    writes = chance.Writes()

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_atomically", writes.counted(files.write_atomically))
        patch.setattr(ledger.Records, "append", writes.counted(ledger.Records.append))
        for survived in range(200):
            writes.left = survived % 3  # each run gets some writes further
            try:
                assert other.backup(*words) == errors.DONE
                break
            except chance.KilledError:
                assert not (other.vault / "ca-1.key").exists()
        else:
            pytest.fail("it never ends")
    assert survived > 5
    assert other.publish() == newest


def test_a_revocation_that_came_while_a_restore_asked_is_not_written_over(
    machine: Machine, other: Machine, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A restore that was killed half-way is asked about again, and a revocation waits for no question."""
    revocation.revoke(machine.coordinator.authority, machine.approve("thuiszorg"))
    machine.publish()
    machine.backup("make", str(file))
    newest = members(machine, tmp_path)
    words = ("restore", str(file), "--publication", str(newest))
    records = ledger.Records(other.folder / "home" / "inventories" / NETWORK)

    def meanwhile(*_: object, **__: object) -> None:
        if not records.rows("revoked"):
            records.append("revoked", serial="ab", name="ggd", at="now", reason="keyCompromise")

    other.patch.setattr(common, "confirm", meanwhile)
    assert other.backup(*words) == errors.REFUSED
    assert f"what there is of {NETWORK} changed since it was shown" in capsys.readouterr().err
    assert [row["serial"] for row in records.rows("revoked")] == ["ab"]
    assert not list(other.vault.glob("*.key"))
    (records.folder / "revoked.txt").unlink()
    other.patch.setattr(common, "confirm", lambda *_, **__: None)
    assert other.backup(*words) == errors.DONE


def test_a_coordinator_that_was_away_for_longer_than_a_list_is_good_comes_back(
    machine: Machine, other: Machine, file: Path, tmp_path: Path
) -> None:
    """A publication whose list ended is refused by readers, and only this coordinator can make another."""
    long_ago = canonical.now() - datetime.timedelta(days=120)
    (machine.vault / "crl.pem").unlink()
    machine.publish(long_ago)
    machine.backup("make", str(file))
    newest = members(machine, tmp_path)
    with pytest.raises(errors.ExpiredError):
        publication.read(newest, NETWORK)
    assert other.backup("restore", str(file), "--yes", "--publication", str(newest)) == errors.DONE
    found = other.publish()
    revocations.verify(found.revocations, found.authority)


def test_an_old_definition_is_told_before_anybody_publishes_it(
    machine: Machine, other: Machine, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.backup("make", str(file))
    definition = machine.rename("thuiszorg", "Thuiszorg Anders")
    machine.publish()
    newest = members(machine, tmp_path)
    assert other.backup("restore", str(file), "--yes", "--publication", str(newest)) == errors.FOUND
    told = capsys.readouterr().out
    assert "differs from what is published: thuiszorg: its name is Thuiszorg Proeftuin instead of Thuiszorg" in told
    shutil.copyfile(definition, other.folder / "home" / "networks" / NETWORK / "network.yml")
    assert other.backup("restore", str(file), "--yes") == errors.DONE, "the same command again, to see"


def test_a_federation_in_the_place_of_what_is_published_is_told_too(
    machine: Machine, other: Machine, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.backup("make", str(file))
    newest = members(machine, tmp_path)
    assert other.backup("restore", str(file), "--yes", "--publication", str(newest)) == errors.DONE
    networks_here = other.folder / "home" / "networks"
    shutil.copytree(FEDERATIONS, networks_here, dirs_exist_ok=True)
    federation = (networks_here / "kring/network.yml").read_text()
    (networks_here / NETWORK / "network.yml").write_text(federation.replace("network: kring", f"network: {NETWORK}"))
    assert other.backup("restore", str(file), "--yes") == errors.FOUND
    assert "los is a supraregional network" in capsys.readouterr().out


def test_an_operator_without_ca_needs_no_publication(machine: Machine, other: Machine, file: Path) -> None:
    for path in (*machine.vault.glob("c*"), *machine.use().inventory.glob("*.txt")):
        path.unlink()
    shutil.rmtree(machine.use().inventory / "identities")
    machine.backup("make", str(file))
    assert other.backup("restore", str(file), "--yes") == errors.DONE
    assert (other.use().inventory / "servers.yml").read_text() == "{}\n"
    assert other.publish().number == 1, "who founds a CA afterwards founds its first"


def test_a_file_that_is_there_or_would_be_lost_with_the_vault_is_refused(
    machine: Machine, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("the only backup")
    assert machine.backup("make", str(file)) == errors.WRONG_USE
    assert file.read_text() == "the only backup"
    assert machine.backup("make", str(machine.vault / "backup")) == errors.WRONG_USE
    assert "lies in the vault, and would be lost with it" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["vault/../../x", "/etc/passwd", "x/y", "vault//x", "vault", ""])
def test_no_name_in_a_backup_leads_elsewhere(machine: Machine, other: Machine, file: Path, name: str) -> None:
    """Whoever had the passphrase of a moment could else have the next restore write anywhere."""
    made = content.Content.model_construct(network=NETWORK, made=canonical.stamp(canonical.now()), files={name: b"x"})
    file.write_bytes(box.close(made.packed(), PASSPHRASE.encode()))
    assert other.backup("restore", str(file), "--yes") == errors.REFUSED
    assert machine.vault.exists()


def test_nothing_in_passing_and_nothing_that_leads_elsewhere_is_in_a_backup(machine: Machine, file: Path) -> None:
    (machine.vault / "link").symlink_to("/etc/passwd")
    machine.backup("make", str(file))
    folders = content.Folders(NETWORK, machine.use().vault, machine.use().home)
    found = restore.opened(folders, file)
    assert set(found.of(content.VAULT)) == {
        *("ca-1.key", "ca-1.pem", "crl.pem", "ssh-pins", "publication.key"),
        *("root-1.key", "root-2.key", "release-1.key", "release-2.key"),
    }
