"""Work on a cluster of two processes: the same bytes as in this one, whatever dies in between.

(README has an example of ``--workers``.)
"""

from __future__ import annotations

import os
import pickle
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from typing import Any

import dask
import numpy as np
import pytest
import zarr
from distributed import Client, KilledWorker
from interruption import HANGS, cpu_seconds
from shell import ENVIRONMENT, PROGRAM, Done, inside, one_line_of_error

from ntkcalc import AccuracyError, NtkcalcError, ntk_matrix
from ntkcalc.cli import cluster
from ntkcalc.cli.cluster import ClusterTasks
from ntkcalc.cli.zarr_files import ZarrBlocks, work_identity, zarr_file
from ntkcalc.kernel import kernel_matrix as matrices
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.kernel_matrix import BlockEntries, kernel_matrix
from ntkcalc.kernel.matrix_summary import matrix_summary
from ntkcalc.kernel.points import Points, unit_rows
from ntkcalc.numerics.tasks import HERE, Tasks
from ntkcalc.spectrum.matrix_spectrum import data_spectrum

KERNEL = Kernel.of("relu", 3)
ROWS = np.random.default_rng(0).standard_normal((300, 4)).round(6)
ROWS[7] = ROWS[3] + [0, 0, 0, 1e-7]  # nearer than the kernel's table reaches
FILES = ["few.npy", "x.npy", "y.npy"]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The scheduler of a cluster of two processes."""
    with dask.config.set(cluster.SETTINGS), pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENBLAS_NUM_THREADS", "3")
        found = cluster.local_cluster(2)
        assert os.environ["OPENBLAS_NUM_THREADS"] == "3"
    with found:
        yield found.scheduler_address


@pytest.fixture
def tasks(address: str) -> Iterator[ClusterTasks]:
    with cluster.cluster_tasks(None, address, True) as found:
        assert isinstance(found, ClusterTasks)
        yield found


@pytest.fixture
def points(tmp_path: Path) -> Points:
    np.save(tmp_path / "x.npy", ROWS)
    np.save(tmp_path / "y.npy", ROWS[:150] + 0.1)
    np.save(tmp_path / "few.npy", ROWS[:20])
    return unit_rows(ROWS, "x.npy")


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six blocks for 300 points; the client alone cuts matrices into blocks."""
    monkeypatch.setattr(matrices, "_BLOCK", 128)


def printed(done: Done) -> str:
    assert done.returncode == 0, done.stderr
    return re.sub(r'"seconds": [0-9.e-]+', "", done.stdout)


def both(line: str, address: str, cwd: Path) -> tuple[str, str]:
    """What a command prints in this process, and on the cluster."""
    arguments = [*shlex.split(line), "-q", "--json"]
    return printed(inside(arguments, cwd=cwd)), printed(inside([*arguments, "--scheduler", address], cwd=cwd))


# ---------------------------------------------------------------- the same bytes


@pytest.mark.parametrize(
    "line",
    [
        "eigs -a relu -l 3 --data x.npy --top 4 --memory 0",
        "eigs -a relu --data x.npy --top 4",
        "effrank -a relu --data x.npy --epsilon 0.1 --memory 0",
        "evaluate -a relu --data x.npy --other y.npy",
    ],
)
@pytest.mark.usefixtures("points", "small_blocks")
def test_products_and_blocks(line: str, address: str, tmp_path: Path) -> None:
    here, there = both(line, address, tmp_path)
    assert here == there


@pytest.mark.parametrize(
    "more",
    [
        "-a relu -l 3 --data x.npy",
        "-a relu -l 3 --no-normalize --data x.npy",
        "-a sin --no-normalize --data few.npy --other y.npy",
        "-a elu --no-normalize --data few.npy",
    ],
)
@pytest.mark.usefixtures("points", "small_blocks")
def test_files_of_matrices(more: str, address: str, tmp_path: Path) -> None:
    written = []
    for where in ([], ["--scheduler", address]):
        for name in ("K.npy", "K.zarr"):
            printed(inside(["evaluate", *shlex.split(more), "-q", "-o", name, *where], cwd=tmp_path))
        written += [np.load(tmp_path / "K.npy"), zarr.open_array(tmp_path / "K.zarr", mode="r")[:]]
    assert [(matrix != written[0]).sum() for matrix in written] == [0, 0, 0, 0]
    assert sorted(os.listdir(tmp_path)) == ["K.npy", "K.zarr", *FILES]


def test_a_zarr_holds_the_matrix_in_chunks(points: Points, tmp_path: Path, small_blocks: None) -> None:
    printed(inside(shlex.split("evaluate -a relu -l 3 --data x.npy -q -o K.zarr"), cwd=tmp_path))
    found = zarr.open_array(tmp_path / "K.zarr", mode="r")
    assert (found.shape, found.chunks, found.dtype) == ((300, 300), (128, 128), np.float64)
    assert (found[:] == ntk_matrix(ROWS, act="relu", depth=3)).all()


@pytest.mark.parametrize(
    "line",
    [
        "eigs -a relu --data few.npy --width 20 --trials 3 --seed 5 --top 3",
        "eigs -a relu --isotropic 20,48 --arch cnn --image-shape 3,4,4 --padding same --width 3 --trials 2 --top 3",
        "effrank -a relu --isotropic 40,5 --width 30 --trials 4 --outer sign",
        "coeffs -a relu -a 'x*sigmoid(1.702*x)' -a gaussian:sigma=2 -l 2:3",
        "coeffs -a erf --sigma-w2 1:2:3 --sigma-b2 1/4 -d 30",
        "evaluate -a relu -a erf --rho 0.5 --rho -1",
        "effrank -a relu -a erf -l 2:3",
        "effrank -a relu -a erf --data x.npy",
        "eigs -a relu -a erf --sphere-dim 2 --max-frequency 3 --sample 20",
        "eigs -a relu -a erf --data x.npy --top 2",
        "evaluate -a relu -a erf --data x.npy",
        "effrank -a relu -a erf --isotropic 40,5 --width 30 --trials 3",
        "decay -a relu -a erf -T 60 --sphere-dim 2",
    ],
)
@pytest.mark.usefixtures("points")
def test_trials_and_sweeps(line: str, address: str, tmp_path: Path) -> None:
    here, there = both(line, address, tmp_path)
    assert here == there


# ---------------------------------------------------------------- tasks


def squared(item: int, add: int, observer: object) -> int:
    assert observer is None
    return item**2 + add


def least(item: int, value: Any, observer: object) -> int:
    return item + int(value.min())


def refused(item: int, observer: object) -> None:
    raise AccuracyError(f"no digits of {item}")


def test_workers_start_with_one_thread_for_linear_algebra(tasks: ClusterTasks) -> None:
    for started in tasks.client.run(Path("/proc/self/environ").read_text).values():
        assert {f"{name}={value}" for name, value in cluster.WORKER_ENVIRONMENT.items()} <= {*started.split("\0")}


def test_results_come_in_order_and_are_counted(tasks: ClusterTasks) -> None:
    heard: list[tuple[int, int]] = []
    found = tasks.run(squared, range(9), 1, observer=lambda done, total, _="": heard.append((done, total)), ahead=2)
    assert [*found] == [i**2 + 1 for i in range(9)]
    assert heard == [(i, 9) for i in range(1, 10)]


def test_clients_of_one_scheduler_do_not_share_tasks(tasks: ClusterTasks, address: str) -> None:
    with cluster.cluster_tasks(None, address, True) as others:
        pairs = zip(tasks.run(squared, range(9), 1), others.run(squared, range(9), 2), strict=True)
        assert [*pairs] == [(i**2 + 1, i**2 + 2) for i in range(9)]


def test_what_is_shared_is_sent_once_and_forgotten_with_its_value(tasks: ClusterTasks) -> None:
    value = np.arange(1 << 18)  # of small messages Dask keeps a log
    assert tasks.share(value) is tasks.share(value)
    assert [*tasks.run(least, [3], tasks.share(value))] == [3]
    del value
    wait(lambda: not tasks.shared)


def test_errors_are_those_of_the_task(tasks: ClusterTasks) -> None:
    with pytest.raises(AccuracyError, match="no digits of 3"):
        next(tasks.run(refused, [3, 4]))


@pytest.mark.parametrize(("kernels", "whole"), [(1, False), (2, True), (3, True)])
def test_kernels_are_tasks_where_they_keep_all_workers_busy(tasks: ClusterTasks, kernels: int, whole: bool) -> None:
    found = [*tasks.sweep(whose, range(kernels))]
    assert found == [whole] * kernels


def whose(item: int, observer: object, tasks: Tasks = HERE) -> bool:
    """Whether a task is a whole item."""
    return tasks is HERE


def test_arrays_that_are_sent_anywhere_are_used_as_they_were(points: Points) -> None:
    """Buffers that a pickle leaves out arrive at any address."""
    for value in (points, kernel_matrix(KERNEL, points)):
        buffers: list[pickle.PickleBuffer] = []
        pickled = pickle.dumps(value, 5, buffer_callback=buffers.append)
        moved = [memoryview(bytearray(1) + bytes(buffer))[1:] for buffer in buffers]
        found: Any = pickle.loads(pickled, buffers=moved)
        rows = found.rows if value is points else found.x
        assert rows.flags.aligned
        assert (rows == points.rows).all()


# ---------------------------------------------------------------- deaths


def killer(tasks: ClusterTasks, at: int) -> Callable[..., None]:
    """An observer that kills a worker once so many tasks were done."""
    left = iter([at])
    wanted = next(left)

    def observe(done: int, total: int, stage: str = "") -> None:
        nonlocal wanted
        if total and done == wanted:
            wanted = 0
            os.kill(min(tasks.client.run(os.getpid).values()), signal.SIGKILL)

    return observe


@pytest.mark.thorough
def test_a_worker_that_dies_does_not_change_a_spectrum(tasks: ClusterTasks, points: Points, small_blocks: None) -> None:
    more = KERNEL, points, 4, 12, False, 0
    found = data_spectrum(*more, killer(tasks, 3), tasks)
    assert found.eigenvalues == data_spectrum(*more).eigenvalues


@contextmanager
def blocks_of(path: Path, points: Points) -> Iterator[Any]:
    with zarr_file(str(path), (300, 300), work_identity(KERNEL, points, None), True) as blocks:
        yield blocks


def test_a_worker_that_dies_does_not_change_a_file(
    tasks: ClusterTasks, points: Points, tmp_path: Path, small_blocks: None
) -> None:
    with blocks_of(tmp_path / "K.zarr", points) as blocks:
        found = matrix_summary(KERNEL, points, out=blocks, observer=killer(tasks, 2), tasks=tasks)
    assert found.mean == matrix_summary(KERNEL, points).mean
    assert (zarr.open_array(tmp_path / "K.zarr")[:] == ntk_matrix(ROWS, act="relu", depth=3)).all()


CLIENT = """
import os, sys, signal
sys.path.insert(0, {here!r})
import test_cluster as t
t.matrices._BLOCK = 128
points = t.unit_rows(t.ROWS, "x.npy")
with t.cluster.cluster_tasks(None, {address!r}, True) as tasks, t.blocks_of(t.Path("K.zarr"), points) as blocks:
    def observe(done, total, stage=""):
        done == 2 and os.kill(os.getpid(), signal.SIGKILL)
    t.matrix_summary(t.KERNEL, points, out=blocks, observer=observe, tasks=tasks)
"""


def test_a_client_that_dies_leaves_what_the_next_one_completes(
    address: str, points: Points, tmp_path: Path, small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = CLIENT.format(here=str(Path(__file__).parent), address=address)
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=ENVIRONMENT).returncode == -signal.SIGKILL
    partial = tmp_path / "K.zarr.partial"
    with Client(address, set_as_default=False) as client:
        client.gather([client.submit(os.getpid, workers=w, pure=False) for w in client.nthreads()])  # behind the rest
    assert not (tmp_path / "K.zarr").exists()
    for place in ("0/0", "1/0"):  # the first block, and the mirror image of the second
        spoilt = partial / "matrix" / "c" / place
        spoilt.write_bytes(bytes(spoilt.stat().st_size))
    arguments, computed = shlex.split("evaluate -a relu -l 3 --data x.npy -o K.zarr"), counted(monkeypatch)
    done = inside([*arguments, "--json"], cwd=tmp_path)
    known = re.search(r"K\.zarr\.partial: ([0-9]) blocks are there already", done.stderr)
    assert known
    assert len(computed) == 6 - int(known[1]) + 2  # and those that were spoilt
    anew = printed(inside([*arguments[:-2], "--json", "-q"], cwd=tmp_path))
    assert printed(done).replace('"K.zarr"', "null") == anew
    assert (zarr.open_array(tmp_path / "K.zarr")[:] == ntk_matrix(ROWS, act="relu", depth=3)).all()
    assert not partial.exists()


def counted(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The blocks that are computed in this process from now on."""
    computed: list[object] = []
    entries = matrices._entries

    def count(block: Any, *more: Any) -> Any:
        computed.append(block)
        return entries(block, *more)

    monkeypatch.setattr(matrices, "_entries", count)
    return computed


@pytest.mark.usefixtures("points")
def test_what_was_of_another_matrix_is_begun_anew(tmp_path: Path) -> None:
    arguments = shlex.split("evaluate -a relu --data x.npy -o K.zarr")
    printed(inside([*arguments, "-q"], cwd=tmp_path))
    (tmp_path / "K.zarr.partial").mkdir()
    (tmp_path / "K.zarr.partial" / "identity").write_text("ntkcalc 0: another")
    arguments[2] = "erf"
    assert "begun anew" in inside(arguments, cwd=tmp_path).stderr
    assert (zarr.open_array(tmp_path / "K.zarr")[:] == ntk_matrix(ROWS, act="erf")).all()  # in the place of the old one
    assert sorted(os.listdir(tmp_path)) == ["K.zarr", *FILES]


LONG = [*PROGRAM, *shlex.split("eigs -a relu -l 3 --isotropic 6000,5 --top 5 --memory 16M -q")]
PIPES: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": ENVIRONMENT}
PIPES |= {"start_new_session": True, "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}


def wait(until: Callable[[], object]) -> None:
    for _ in range(1000):
        if until():
            return
        time.sleep(0.1)
    pytest.fail("nothing happens")


def test_an_interrupted_client_leaves_no_task(address: str) -> None:
    with Client(address, set_as_default=False) as client:
        process = subprocess.Popen([*LONG, "--scheduler", address], **PIPES)
        wait(lambda: client.run_on_scheduler(task_count))
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=HANGS) == (b"", b"")
        assert process.returncode == 130
        wait(lambda: not client.run_on_scheduler(task_count))


def task_count(dask_scheduler: Any) -> int:
    return len(dask_scheduler.tasks)


def test_an_interruption_of_all_processes_is_quiet() -> None:
    """Ctrl-C on a terminal reaches the workers, too."""
    process = subprocess.Popen([*LONG, "--workers", "1"], **PIPES)
    tasks = Path(f"/proc/{process.pid}/task")
    wait(
        lambda: any(cpu_seconds(int(pid)) > 2 for file in tasks.glob("*/children") for pid in file.read_text().split())
    )
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=HANGS) == (b"", b"")  # the workers have ended, for they hold the same streams
    assert process.returncode == 130


def test_a_scheduler_that_dies_is_one_line() -> None:
    with cluster.cluster_tasks(1, None, True) as tasks:
        assert isinstance(tasks, ClusterTasks)
        process = subprocess.Popen([*LONG, "--scheduler", tasks.client.scheduler.address], **PIPES)
        wait(lambda: tasks.client.run_on_scheduler(task_count))
    assert process.communicate(timeout=HANGS) == (b"", b"ntkcalc: the connection to the scheduler was lost\n")
    assert process.returncode == 1


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("--workers 2 --scheduler a:1", "give one of them"),
        ("--workers 0", "workers must lie in 1 to 512, got 0"),
        ("--workers 513", "workers must lie in 1 to 512, got 513"),
        ("--scheduler here", "--scheduler takes an address such as tcp://HOST:PORT, got 'here'"),
    ],
)
@pytest.mark.parametrize("command", ["decay -a relu", "evaluate -a relu --data x.npy -o K.zarr"])
@pytest.mark.usefixtures("points")
def test_refused_workers(command: str, more: str, said: str, tmp_path: Path) -> None:
    done = inside(shlex.split(f"{command} {more} -q"), cwd=tmp_path)
    assert done.returncode == 2
    assert said in one_line_of_error(done)


def test_a_scheduler_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_PATIENCE", 0.5)
    with socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens, and nobody else can
        port = taken.getsockname()[1]
        done = inside(["coeffs", "-a", "relu", "--scheduler", f"tcp://127.0.0.1:{port}"])
    assert done.returncode == 1
    assert f"no scheduler of Dask answers at tcp://127.0.0.1:{port}" in one_line_of_error(done)


@pytest.mark.parametrize("option", ["--workers 2", "--scheduler a:1", "--data x.npy -o K.zarr"])
@pytest.mark.usefixtures("points")
def test_without_the_extra(option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    command = "evaluate" if "--data" in option else "coeffs"
    done = inside(shlex.split(f"{command} -a relu {option}"), cwd=tmp_path)
    assert done.returncode == 1
    assert "pip install 'ntkcalc[distributed]'" in one_line_of_error(done)


@pytest.mark.parametrize("package", ["ntkcalc", "numpy", "python", "distributed"])
def test_versions_that_differ(tasks: ClusterTasks, package: str) -> None:
    versions = tasks.client.get_versions(packages=["ntkcalc"])
    cluster.check_versions(versions, True)
    address, worker = next(iter(versions["workers"].items()))
    worker["packages"][package] = "0.9.1"
    with pytest.raises(NtkcalcError, match=rf"the worker at {address} has {package} 0.9(.1)?, this machine has "):
        cluster.check_versions(versions, True)
    versions["scheduler"]["packages"][package] = "0.9.2"
    with pytest.raises(NtkcalcError, match=rf"the scheduler has {package} 0.9(.2)?, this machine has "):
        cluster.check_versions(versions, True)


def test_a_task_that_ends_its_workers() -> None:
    class Dead:
        status = "error"

        def gather(self, futures: object) -> None:
            raise KilledWorker("x", type("Worker", (), {"address": "tcp://a:1"}), 3)

        def map(self, function: object, items: list[int], *more: object, **given: object) -> list[Dead]:
            return [self for _ in items]

        def nthreads(self) -> dict[str, int]:
            return {}

        def cancel(self, futures: object) -> None:
            assert futures == [self]

        client = property(lambda self: self)

    with pytest.raises(NtkcalcError, match="a task ended 4 workers, the last at tcp://a:1"):
        next(ClusterTasks(Dead()).run(squared, [1, 2]))


@pytest.mark.parametrize("there", ["folder", "file"])
@pytest.mark.usefixtures("points")
def test_a_zarr_replaces_nothing_but_a_zarr(there: str, tmp_path: Path) -> None:
    path = tmp_path / "K.zarr"
    path.mkdir() if there == "folder" else path.write_text("mine")
    done = inside(shlex.split("evaluate -a relu --data x.npy -o K.zarr"), cwd=tmp_path)
    assert done.returncode == 2
    assert "what is there is no .zarr; move it away" in one_line_of_error(done)


@pytest.mark.usefixtures("points")
def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ntkcalc.cli.zarr_files._digest", full)
    done = inside(shlex.split("evaluate -a relu --data x.npy -o K.zarr -q"), cwd=tmp_path)
    assert done.returncode == 1
    assert "No space left on device; what is there is kept for the next run" in one_line_of_error(done)
    assert sorted(os.listdir(tmp_path)) == ["K.zarr.partial", *FILES]


def test_a_folder_that_workers_do_not_see(tmp_path: Path) -> None:
    blocks, entries = ZarrBlocks(str(tmp_path / "K.zarr.partial")), BlockEntries(0, 0, [0], 1, 1)
    with pytest.raises(NtkcalcError, match="take a folder that all machines share"):
        blocks.put((slice(0, 1), slice(0, 1)), np.zeros((1, 1)), False, entries)
