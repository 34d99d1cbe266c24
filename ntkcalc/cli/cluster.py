"""Tasks on a Dask cluster: processes of this machine, or a scheduler that runs somewhere."""

from __future__ import annotations

import logging
import os
import sys
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import count, takewhile
from typing import Any
from uuid import uuid4

import dask
from distributed import Client, KilledWorker, LocalCluster
from distributed.comm.core import CommClosedError

from ntkcalc.cli.terminal import progress, remark
from ntkcalc.errors import NtkcalcError
from ntkcalc.numerics.tasks import Result, Tasks
from ntkcalc.numerics.types import Observer
from ntkcalc.numerics.work import paced

_PATIENCE = 8  # seconds that a scheduler has to answer
_SAME = ("ntkcalc", "numpy", "python", "dask", "distributed")
"""Packages whose versions must be the same everywhere: results are the same bytes, and pickles are read."""

SETTINGS = {
    "distributed.admin.large-graph-warning-threshold": "1 PB",  # what is shared is sent with a task
    "distributed.scheduler.active-memory-manager.start": False,  # it would take shared arrays from workers
    "distributed.comm.timeouts.connect": _PATIENCE,
    "distributed.worker.profile.enabled": False,  # nobody looks at it
}
"""Settings of Dask, of the client and of a cluster that it starts."""

WORKER_ENVIRONMENT = {
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    # Dask has malloc give back what is free at once: then every tile is new memory, which takes twice the time
    "MALLOC_TRIM_THRESHOLD_": str(1 << 28),
    "MALLOC_MMAP_THRESHOLD_": str(1 << 25),
}
"""Variables that processes of this machine start with, whatever ours are."""


class ClusterTasks(Tasks):
    """Tasks of a client of Dask."""

    def __init__(self, client: Client) -> None:
        self.client, self.shared, self.calls = client, dict[int, Any](), count()
        self.name = uuid4().hex  # the scheduler may have other clients with tasks of the same functions

    @property
    def workers(self) -> int:
        """See `Tasks.workers`."""
        return max(1, sum(map(int, self.client.nthreads().values())))

    @property
    def here(self) -> bool:
        """See `Tasks.here`."""
        return False

    def share(self, value: Any) -> Any:
        """Return a task that gives the value, which the scheduler repeats if its workers die; free it with the value.

        (What Client.scatter sends is lost with the workers that have it.)
        """
        key = id(value)
        if key not in self.shared:
            self.shared[key] = self.client.submit(_itself, value, pure=False)
            weakref.finalize(value, self.shared.pop, key, None)
        return self.shared[key]

    def run(
        self,
        function: Callable[..., Result],
        items: Sequence[Any],
        *shared: Any,
        observer: Observer | None = None,
        ahead: int = 64,
    ) -> Iterator[Result]:
        """See `Tasks.run`."""
        name = f"{function.__name__.strip('_')}-{next(self.calls)}-{self.name}"
        room, sent, running, found = ahead * self.workers, 0, deque[Any](), deque[Any]()
        try:
            for done in paced(range(len(items))):
                if len(running) <= room // 2:  # to send and to fetch several at once takes half the time
                    some = range(sent, min(sent + room - len(running), len(items)))
                    running += self._sent(function, [items[i] for i in some], shared, [(name, i) for i in some])
                    sent = some.stop
                if not found:
                    ready = len([*takewhile(lambda future: future.status == "finished", running)])
                    found += _results([running.popleft() for _ in range(min(max(1, ready), room // 2))])
                result: Result = found.popleft()
                if observer is not None:
                    observer(done + 1, len(items))
                yield result
        finally:
            if running:
                self.client.cancel(list(running))

    def _sent(self, function: Callable[..., Any], items: list[Any], shared: tuple[Any, ...], keys: list[Any]) -> Any:
        """Return tasks, which the cluster knows by these keys."""
        constants = ([value] * len(items) for value in (*shared, None))
        return self.client.map(function, items, *constants, key=keys, pure=False) if items else []


def _itself(value: Any) -> Any:
    return value


def _results(futures: list[Any]) -> list[Any]:
    """Return the results of tasks, or raise what one of them raised."""
    from concurrent.futures import CancelledError

    try:
        return list(futures[0].client.gather(futures))
    except KilledWorker as error:
        raise NtkcalcError(
            f"a task ended {error.allowed_failures + 1} workers, the last at {error.last_worker.address}: most likely "
            "their memory does not suffice; take a smaller --memory or fewer points"
        ) from None
    except (CommClosedError, CancelledError, TimeoutError):
        raise NtkcalcError("the connection to the scheduler was lost") from None


@contextmanager
def cluster_tasks(workers: int | None, scheduler: str | None, quiet: bool) -> Iterator[Tasks]:
    """Give the tasks of a cluster: so many processes of this machine until the end, or those of a scheduler."""
    _keep_quiet()
    with ExitStack() as stack, dask.config.set(SETTINGS):
        with progress(quiet, "starting workers" if scheduler is None else "reaching the scheduler"):
            client = _connected(stack, workers, scheduler)
        if scheduler is not None:
            check_versions(client.get_versions(packages=["ntkcalc"]), quiet)
        yield ClusterTasks(client)


def _connected(stack: ExitStack, workers: int | None, scheduler: str | None) -> Client:
    """Return a client, which the stack closes."""
    direct = None  # a scheduler far away may be all that can be reached
    try:
        if scheduler is None:
            address, direct = stack.enter_context(local_cluster(workers or 1)), True
        else:
            address = scheduler
        client = Client(address, timeout=_PATIENCE, set_as_default=False, direct_to_workers=direct)
    except (OSError, ValueError, RuntimeError) as error:  # a TimeoutError is an OSError
        said = f"workers do not start: {error}"
        if scheduler is not None:
            said = f"no scheduler of Dask answers at {scheduler}; say where it runs: --scheduler tcp://HOST:PORT"
        raise NtkcalcError(said) from None
    stack.callback(_close, client)
    return client


def _keep_quiet() -> None:
    """Keep stderr for remarks: what Dask has to say is said by errors, or does not matter."""
    for name in [*logging.root.manager.loggerDict]:  # each has a level of its own
        if name.partition(".")[0] in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="distributed")
    sys.warnoptions.append("ignore:resource_tracker")  # of a process that cleans up after ours, should it be killed


def local_cluster(workers: int) -> Any:
    """Return a cluster of processes with one thread each, which work without limits of Dask's on their memory."""
    ours = {name: os.environ.pop(name) for name in WORKER_ENVIRONMENT if name in os.environ}  # they would prevail
    try:
        with dask.config.set({"distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT}):
            return LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                memory_limit=None,
                dashboard_address="127.0.0.1:0",  # that is never in use
                silence_logs=logging.CRITICAL,
            )
    finally:
        os.environ.update(ours)


def _close(client: Client) -> None:
    with suppress(Exception):
        client.close()


def check_versions(versions: Any, quiet: bool) -> None:
    """Refuse a cluster that has other versions than the client; say where there are no workers yet."""
    if not versions["workers"]:
        remark("the scheduler has no workers yet; waiting for one", quiet)
    ours = _packages(versions["client"])
    machines = {f"the worker at {address}": machine for address, machine in versions["workers"].items()}
    for who, machine in ({"the scheduler": versions["scheduler"]} | machines).items():
        theirs = _packages(machine)
        for name in _SAME:
            if theirs.get(name) != ours[name]:
                has = f"has {name} {theirs[name]}" if theirs.get(name) else f"lacks {name}"
                raise NtkcalcError(f"{who} {has}, this machine has {ours[name]}: install the same versions everywhere")


def _packages(machine: Any) -> dict[str, str]:
    """Return the versions of packages; of Python the first two numbers, for the third changes nothing."""
    found = dict(machine["packages"])
    return found | {"python": ".".join(str(found["python"]).split(".")[:2])}
