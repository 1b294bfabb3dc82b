"""Runs a project's `__main__.py` for an engine that was started by hand: Pulumi's word for it is a language host.

The engine starts it with its own address as the last argument, reads a port from the first line that is printed, and
calls the service LanguageRuntime there (pulumi/language.proto). That service is in the PyPI package, for programs that
are given as a function; here the function is the project. So a program runs in the same way by hand and in `up`, and
with every engine: the one that is built here comes without the host of the official release.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from pulumi.automation import _server
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

THREADS = 4  # a call that asks who it speaks with is answered while a program runs


class LanguageHost(_server.LanguageServer):
    """Runs the project that a call names."""

    def __init__(self, engine: str, project: Path) -> None:
        super().__init__(lambda: None)
        self._engine = engine
        self._project = project

    def Run(self, request: language_pb2.RunRequest, context: Any) -> language_pb2.RunResponse:  # noqa: N802 - the service's name
        """Run the project once: for a preview, or for the changes that it showed."""
        folder = Path(request.info.program_directory, request.info.entry_point).resolve()
        if folder != self._project:  # any account of this machine can call this port
            why = f"{folder} is not {self._project}, where Pulumi was started"
            context.abort(grpc.StatusCode.PERMISSION_DENIED, why)

        def program() -> None:
            runpy.run_path(str(folder), run_name="__main__")

        self.program = program
        request.args.insert(0, self._engine)  # where a program that is given as a function is told of the engine
        result = super().Run(request, context)  # type: ignore[no-untyped-call]
        # It has shown the error and tells it as well; told, the engine would show it again.
        return language_pb2.RunResponse(bail=True) if result.error else result


def main() -> None:
    """Serve until the engine closes our input, which it does by dying too; run nothing but the project it works in."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # how it asks us to end
    project = Path(f"/proc/{os.getppid()}/cwd").resolve()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=THREADS))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(sys.argv[-1], project), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(None)


if __name__ == "__main__":
    main()
