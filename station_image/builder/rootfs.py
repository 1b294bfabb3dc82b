"""The file system of the station image: from packages to the few files that a station loads, and no others.

There is no shell, no package manager and no interpreter but Python in it. The standard library lies in one zip of
compiled modules, which Python has on its path by itself; a layer with few files loads faster on a server.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from station_image.builder.packages import Package

TRIPLET = "x86_64-linux-gnu"
LIBRARIES = f"usr/lib/{TRIPLET}"
LOADER = "usr/lib64/ld-linux-x86-64.so.2"
PYTHON = "usr/bin/python3.13"
STANDARD = "usr/lib/python3.13"
DIST = "usr/lib/python3/dist-packages"
TAKEN = re.compile(
    rf"{PYTHON}$|{STANDARD}/|{DIST}/(numpy|gmpy2|cryptography|mpyc|_cffi_backend[^/]*)(/|$)"
    rf"|{LIBRARIES}/(blas/|lapack/)?[^/]+\.so[^/]*$|usr/lib64/|usr/share/doc/[^/]+/copyright$"
)
# Tests, build tools, types, GUI, and modules whose library a station does not have.
DROPPED = re.compile(
    rf"{STANDARD}/(test|idlelib|ensurepip|tkinter|turtle|turtledemo|pydoc_data|__phello__|sitecustomize|_pyrepl|_pyio"
    r"|_pydecimal|_pydatetime|antigravity|this|bdb|cProfile|curses|dbm|doctest|ftplib|html|imaplib|mailbox|pdb"
    r"|pickletools|poplib|profile|pstats|pydoc|smtplib|sqlite3|tabnanny|trace|unittest|venv|webbrowser|wsgiref|xml"
    r"|xmlrpc|zipapp|EXTERNALLY-MANAGED)(/|\.py$|$)"
    rf"|{STANDARD}/(config-|_sysconfigdata)"
    rf"|{STANDARD}/encodings/(cp|mac_|iso8859|iso2022|koi8|big5|gb|euc_|shift_jis|johab|hz|hp_|ptcp|kz1048|tis_|palmos)"
    rf"|{STANDARD}/lib-dynload/(_test|_xx|xx|_ctypes_test|_curses|_dbm|_gdbm|_tkinter|_sqlite3|readline|_lzma|_bz2|_uuid"
    r"|_codecs_(cn|hk|jp|kr|tw|iso2022)|_multibytecodec|_lsprof)"
    rf"|{DIST}/numpy/(f2py|distutils|doc|_pyinstaller|tests|testing|random|fft|ma|polynomial|_core/include|_core/lib)/"
    # What neither MPyC nor our runtime asks of them.
    rf"|{DIST}/numpy/(typing/|(conftest|matlib|_configtool|lib/(recfunctions|user_array|_user_array_impl))\.py$)"
    rf"|{DIST}/cryptography/(hazmat/primitives/(twofactor/|(cmac|keywrap|poly1305|kdf/(concatkdf|kbkdf|x963kdf))\.py$)"
    r"|fernet\.py$)"
    # Names that numpy had before, but for the one that MPyC says.
    rf"|{DIST}/numpy/(compat/|core/(?!__init__|_utils|umath))"
    rf"|{DIST}/numpy/_core/_(simd|multiarray_tests|umath_tests|operand_flag_tests|rational_tests|struct_ufunc_tests)\."
    r"|/tests?/|\.(pyi|pxd|pyx|[ach])$|/py\.typed$|/__pycache__/"
)
# Debian's alternatives system would make these links when the packages are configured.
LINKS = {
    "usr/bin/python3": "python3.13",
    "lib": "usr/lib",
    "lib64": "usr/lib64",
    "bin": "usr/bin",
    f"{LIBRARIES}/libblas.so.3": "blas/libblas.so.3",
    f"{LIBRARIES}/liblapack.so.3": "lapack/liblapack.so.3",
}
FOLDERS = ("tmp", "proc", "sys", "dev", "etc", "opt", "station", "run")
# Names for the numbers that the containers run as; `ls` and tracebacks are for people.
FILES = {
    "etc/passwd": "root:x:0:0:root:/:/none\nstation:x:5001:5000::/:/none\ncomputer:x:5002:5000::/:/none\n",
    "etc/group": "root:x:0:\nstation:x:5000:\n",
}
COMPILE = """
import compileall, pathlib, py_compile, sys
strip, legacy, *folders = sys.argv[1:]
for folder in folders:
    done = compileall.compile_dir(folder, quiet=1, force=True, maxlevels=20, legacy=legacy == "legacy",
                                  stripdir=strip, prependdir="/",
                                  invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    if not done:
        sys.exit(1)
"""


class RootError(Exception):
    """The packages do not make a root that works."""


def make(packages: Mapping[Package, Path], root: Path) -> None:
    """Fill the empty folder `root`. Raises RootError."""
    for package, path in sorted(packages.items()):
        _unpack_wheel(path, root) if package.kind == "wheel" else _unpack_deb(path, root)
    for empty in FOLDERS:
        (root / empty).mkdir(exist_ok=True)
    for name, target in LINKS.items():
        (root / name).symlink_to(target)
    for name, text in FILES.items():
        (root / name).write_text(text)
    (root / "tmp").chmod(0o1777)
    _keep_libraries_in_use(root)
    compile_folders(root, [root / STANDARD, root / DIST], root, legacy=True)
    for source in [*(root / STANDARD).rglob("*.py"), *(root / DIST).rglob("*.py")]:
        source.unlink()
    _zip_standard_library(root)
    _join_copyrights(root)
    for folder in sorted((path for path in root.rglob("*") if path.is_dir() and not path.is_symlink()), reverse=True):
        if not any(folder.iterdir()) and str(folder.relative_to(root)) not in FOLDERS:
            folder.rmdir()


def python(root: Path) -> list[str]:
    """Return the command that starts the image's own Python on this machine, without entering the image."""
    return [str(root / LOADER), "--library-path", f"{root / LIBRARIES}", str(root / PYTHON)]


def compile_folders(root: Path, folders: list[Path], strip: Path, *, legacy: bool) -> None:
    """Compile with the Python in `root`, so that the same source gives the same bytes on any machine.

    `legacy` puts x.pyc in the place of x.py, else it goes to __pycache__. Compiled files are never checked against
    their sources: both come from the same read-only layer.
    """
    command = [*python(root), "-S", "-c", COMPILE, str(strip), "legacy" if legacy else "beside", *map(str, folders)]
    environment = {"PYTHONHOME": str(root / "usr"), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RootError(f"the image's Python cannot compile: {(done.stdout + done.stderr).strip()[-600:]}")


def _unpack_deb(path: Path, root: Path) -> None:
    with (
        subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(path)], stdout=subprocess.PIPE) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as tar,
    ):
        # Debian 12's Python knows no filters, and newer ones each have another by default: what the filter `tar` does
        # is done here, so that the same files have the same modes everywhere.
        tar.extraction_filter = lambda member, _: member
        for member in tar:
            member.name = re.sub(r"^(lib|lib64|bin)/", r"usr/\1/", member.name.removeprefix("./"))
            if _wanted(member.name) and not member.isdir():
                if ".." in PurePosixPath(member.name).parts:
                    raise RootError(f"{path} has {member.name}, which lies outside; remove it, it is fetched anew")
                member.mode &= 0o755
                tar.extract(member, root)
    if process.returncode:
        raise RootError(f"{path} is not a Debian package; remove it, it is fetched anew")


def _unpack_wheel(path: Path, root: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if _wanted(f"{DIST}/{name}"):
                archive.extract(name, root / DIST)


def _wanted(name: str) -> bool:
    return bool(TAKEN.match(name)) and not DROPPED.search(name)


def _keep_libraries_in_use(root: Path) -> None:
    """Remove every library that nothing loads; fail on one that something needs and nobody brought."""
    programs = [root / PYTHON, *_extensions(root)]
    used: set[str] = set()
    for program in programs:
        # The loader lists what it would load and runs nothing (ld.so(8)).
        command = [str(root / LOADER), "--library-path", str(root / LIBRARIES), "--list", str(program)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={})
        missing = re.findall(r"(\S+) => not found|(\S+): cannot open shared object", done.stdout + done.stderr)
        outside = [line for line in done.stdout.splitlines() if "=> /" in line and str(root) not in line]
        if done.returncode or missing or outside:
            raise RootError(
                f"{program.relative_to(root)} needs {missing or outside or done.stderr.strip()}; add the package that "
                "has it to station_image/packages.py and write the lock again"
            )
        used |= {Path(name).name for name in re.findall(r"=> (\S+)", done.stdout)}
    for library in (root / LIBRARIES).rglob("*"):
        if library.is_symlink() and library.name in used:
            used.add(library.resolve().name)
    for library in sorted((root / LIBRARIES).rglob("*")):
        if not library.is_dir() and library.name not in used:
            library.unlink()


def _extensions(root: Path) -> Iterator[Path]:
    yield from sorted((root / STANDARD / "lib-dynload").glob("*.so"))
    yield from sorted((root / DIST).rglob("*.so"))


def _zip_standard_library(root: Path) -> None:
    """Move the compiled standard library into usr/lib/python313.zip, stored and not compressed."""
    standard = root / STANDARD
    modules = sorted(standard.rglob("*.pyc"))
    with zipfile.ZipFile(root / "usr/lib/python313.zip", "w", zipfile.ZIP_STORED) as archive:
        for module in modules:
            entry = zipfile.ZipInfo(str(module.relative_to(standard)), (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, module.read_bytes())
    for path in sorted(standard.iterdir()):
        if path.name != "lib-dynload":
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _join_copyrights(root: Path) -> None:
    """Put the licences of all packages into one file, as they ask for it wherever the packages go."""
    documents = root / "usr/share/doc"
    texts = [f"===== {path.parent.name}\n{path.read_text()}" for path in sorted(documents.glob("*/copyright"))]
    shutil.rmtree(documents)
    (root / "usr/share/copyright").write_text("\n".join(texts))
