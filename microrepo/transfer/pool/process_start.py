"""Start of worker processes: by forking this one, or by a server that forks itself."""

from __future__ import annotations

import multiprocessing
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import forkserver
from typing import Any

from microrepo.client.settings import TransportName
from microrepo.client.transport.proxies import has_proxies
from microrepo.client.transport.transport_choice import can_multiplex, transport_module

_WORKER_MODULES = (
    "microrepo.transfer.pool.worker",
    "microrepo.transfer.pool.worker_process",
    "microrepo.client.transport.routes",
)
# New interpreters search the current directory for modules unless this is set (Python 3.11).
_SAFE_PATH, _OURS = "PYTHONSAFEPATH", "microrepo"
_safe_path_lock = threading.Lock()
_IS_SECRET = re.compile(r"MICROREPO_\w*PASSWORD").fullmatch


def may_fork() -> bool:
    """Return whether this process may be forked to make workers.

    It may while it has one thread, and before it holds a lock or an open state: such a worker
    inherits nothing harmful, starts at once, and shares memory.
    """
    return sys.platform.startswith("linux") and threading.active_count() == 1


def start_context() -> Any:
    """Return how processes are started after this one has locks or threads: never by fork.

    The fork server imports the worker's modules once; each worker is then a cheap copy of it.
    """
    methods = multiprocessing.get_all_start_methods()
    if "forkserver" not in methods:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_worker_modules("auto"))
    return context


def _worker_modules(transport: TransportName) -> list[str]:
    """Return the modules that workers are started with."""
    names = [*_WORKER_MODULES, transport_module(transport)]
    if can_multiplex(transport):
        names.append("microrepo.transfer.pool.task_loop")
    if has_proxies():
        names.append("requests")  # finds the proxy of a server
    return names


def fork_context(transport: TransportName) -> Any:
    """Return how processes are started by forking this one, with all modules that they share.

    Args:
        transport: that they will use.
    """
    for name in _worker_modules(transport):
        import_module(name)
    return multiprocessing.get_context("fork")


@contextmanager
def ignoring_current_directory() -> Iterator[None]:
    """Have processes that start meanwhile import nothing from the current directory.

    Modules of others may lie there, such as those of an unpacked distribution.
    """
    with _safe_path_lock:
        is_ours = not os.environ.get(_SAFE_PATH)
        if is_ours:
            os.environ[_SAFE_PATH] = _OURS
        try:
            yield
        finally:
            if is_ours:
                del os.environ[_SAFE_PATH]


def restore_environment() -> None:
    """Remove from a new worker's environment what only its start needed; its commands inherit it."""
    if os.environ.get(_SAFE_PATH) == _OURS:
        del os.environ[_SAFE_PATH]


def start_server() -> None:
    """Start the fork server now, in an environment without our passwords.

    All workers inherit its environment, and `ps` shows it. Call it while this process has one
    thread, since no other thread may read a password meanwhile.
    """
    context = start_context()
    if context.get_start_method() != "forkserver":
        return
    hidden = {name: text for name, text in os.environ.items() if _IS_SECRET(name)}
    for name in hidden:
        del os.environ[name]
    try:
        with ignoring_current_directory():
            forkserver.ensure_running()
    finally:
        os.environ.update(hidden)
