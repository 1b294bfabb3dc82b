"""Print what lets a shell complete this command; each shell's own words are in its --help.

bash, zsh: eval "$(werkplaats completion bash)"     in ~/.bashrc or ~/.zshrc
fish:      werkplaats completion fish | source      in ~/.config/fish/config.fish
"""

from __future__ import annotations

import argparse

from argcomplete import shell_integration

from base import errors


def arguments(parser: argparse.ArgumentParser) -> None:
    """The shell."""
    parser.add_argument("shell", metavar="SHELL", choices=("bash", "zsh", "fish"), help="bash, zsh or fish")


def run(given: argparse.Namespace) -> int:
    """Print the code."""
    print(shell_integration.shellcode(["werkplaats"], shell=given.shell))
    return errors.DONE
