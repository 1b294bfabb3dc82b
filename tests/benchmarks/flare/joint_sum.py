"""The job that NVFlare is raced with: each site sends its number once, the server adds them up.

NVFlare loads this file, at the server and at every site, from the job that was submitted.
"""

import json
from pathlib import Path

from nvflare.apis.client import Client
from nvflare.apis.executor import Executor
from nvflare.apis.fl_context import FLContext
from nvflare.apis.shareable import Shareable
from nvflare.apis.signal import Signal
from nvflare.app_common.abstract.response_processor import ResponseProcessor

NUMBER, RESULT = "number", "sum.json"


class Contribute(Executor):
    """At a site: answer with the number that lies in the site's own settings, and nowhere else."""

    def execute(self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal) -> Shareable:  # noqa: ARG002  # NVFlare calls by name
        path = fl_ctx.get_workspace().get_file_path_in_site_config(NUMBER)
        return Shareable({NUMBER: int(Path(path).read_text())})


class Sum(ResponseProcessor):
    """At the server: add up what comes and write it, with the names that it came from."""

    def __init__(self) -> None:
        super().__init__()
        self._given: dict[str, int] = {}

    def create_task_data(self, task_name: str, fl_ctx: FLContext) -> Shareable:  # noqa: ARG002
        return Shareable()

    def process_client_response(self, client: Client, task_name: str, response: Shareable, fl_ctx: FLContext) -> bool:  # noqa: ARG002
        self._given[client.name] = response[NUMBER]
        return True

    def final_process(self, fl_ctx: FLContext) -> bool:
        folder = Path(fl_ctx.get_workspace().get_result_root(fl_ctx.get_job_id()))
        told = folder / f"{RESULT}.part"
        told.write_text(json.dumps({"sum": sum(self._given.values()), "sites": sorted(self._given)}))
        told.rename(folder / RESULT)
        return True
