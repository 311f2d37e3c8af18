"""Settings of workers are sent to other processes."""

from __future__ import annotations

import pickle

from microrepo.client import ClientSettings
from microrepo.repositories.protocol import SourceSettings
from microrepo.transfer.file_scan import FileScanner
from microrepo.transfer.worker_settings import WorkerSettings


def test_settings_arrive_as_they_were_sent() -> None:
    settings = WorkerSettings(
        "/srv/packages",
        ClientSettings(),
        SourceSettings("json", "https://index.example/simple/"),
        "/srv/packages/.microrepo/partial",
        store="/srv/store",
        scanner=FileScanner(("clamdscan",), "/srv/packages"),
    )
    assert pickle.loads(pickle.dumps(settings)) == settings
