"""Becomes the program that its words name; what starts a container is called by the release.

So plain `docker ps` shows the release in its column COMMAND, beside the digest: it comes from the image that has this
digest, while a tag or a name could be anybody's.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    try:
        os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606  a list of words, and no shell, is what is wanted
    except FileNotFoundError:
        sys.stderr.write(f"{sys.argv[1]}: no such file or directory in this image\n")
        sys.exit(127)  # as an engine ends that finds no program
