"""Processes that present frames."""

from __future__ import annotations

import errno
import itertools
import threading
import time

import psutil
import pytest

from streamer.live.presenters import Here, PresentingFailed, Process, Worker, workers
from tests.support.leftovers import as_before
from tests.support.moving import HEIGHT, WIDTH, looked, picture, shown
from tracker import Job


def job(index: int, *, stream: str = "a", news: tuple[object, ...] = ()) -> Job:
    return Job(stream, news, picture((100 + 5 * index, 80)), (HEIGHT, WIDTH), index, index / 30, False, False)  # type: ignore[arg-type]


LOOK = (0, (1, looked(0, shown(100, 80))))


def played(worker: Worker) -> list[int]:
    worker.present(job(0))
    return [len(worker.present(each).presented.tracks) for each in (job(1, news=LOOK), job(2))]


def test_a_process_gives_what_a_thread_of_this_one_gives() -> None:
    process = Process()
    try:
        assert played(process) == played(Here()) == [1, 1]
    finally:
        process.close()


def test_a_process_that_was_lost_is_started_again() -> None:
    process = Process()
    try:
        assert played(process) == [1, 1]
        assert process._process is not None
        process._process.kill()
        process._process.wait()
        assert not process.present(job(4)).presented.tracks  # known again with the next look
    finally:
        process.close()


def test_a_process_that_is_lost_in_the_middle_of_a_job_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process()
    with monkeypatch.context() as dying:
        dying.setattr("streamer.live.presenters.PROGRAM", "import sys; sys.stdin.buffer.read(8)")
        with pytest.raises(PresentingFailed, match="started again"):
            process.present(job(0))
    assert played(process) == [1, 1]
    process.close()


def test_what_raises_is_told_and_ends_nothing() -> None:
    for worker in (Process(), Here()):
        bad = Job("a", (), picture()[:0], (HEIGHT, WIDTH), 0, 0.0, False, False)
        with pytest.raises(PresentingFailed):
            worker.present(bad)
        assert played(worker) == [1, 1]
        worker.forget("a")
        worker.close()


HANGING = "import sys, time; sys.stdin.buffer.read(8); time.sleep(600)"  # a process that takes a job and hangs
LOST = "import sys; sys.stdin.buffer.read(8)"  # one that ends instead


def asked(process: Process, words: list[str]) -> threading.Thread:
    """Ask for a job from a thread of its own; what it raises is put to ``words``."""

    def ask() -> None:
        try:
            process.present(job(0))
        except PresentingFailed as error:
            words.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_a_process_that_hangs_is_killed_and_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    lost: list[int] = []
    process = Process(lambda: lost.append(1))
    played(process)
    with as_before():
        with monkeypatch.context() as hanging:
            hanging.setattr("streamer.live.presenters.PROGRAM", HANGING)
            hanging.setattr("streamer.live.presenters.STARTS", 3.0)
            process._process.kill()  # type: ignore[union-attr]
            process._process.wait()  # type: ignore[union-attr]
            words: list[str] = []
            asking = asked(process, words)
            while not process._busy:
                time.sleep(0.01)
            for _ in range(4):  # nobody is hasty: 3 s are not over
                process.watch(1.0)
            process.watch(1.0)
            asking.join(30)
            assert "was lost" in words[0]
            assert len(lost) == 2
        process._not_before = 0.0
        assert played(process) == [1, 1]
    process.close()


def test_a_pause_of_the_whole_machine_is_not_taken_for_a_job_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """However late it is by the clock: what counts is how often somebody looked."""
    process = Process()
    played(process)
    pid = process._process.pid  # type: ignore[union-attr]
    for _ in range(100):
        process.watch(1.0)  # idle
    process.present(job(5))
    process.watch(1.0)
    assert process._process is not None
    assert process._process.pid == pid
    process.close()


def test_a_process_that_is_lost_again_and_again_is_not_started_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamer.live.presenters.PROGRAM", LOST)
    now = 1000.0
    lost: list[float] = []
    monkeypatch.setattr("streamer.live.presenters.time.monotonic", lambda: now)
    process = Process(lambda: lost.append(now))
    with as_before():
        for _ in range(200):  # three minutes, a job each second
            with pytest.raises(PresentingFailed, match="again"):
                process.present(job(0))
            now += 1.0
    assert [after - before for before, after in itertools.pairwise(lost)] == [1, 1, 2, 4, 8, 16, 32, 60, 60]


def test_where_no_process_can_be_started_words_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("streamer.live.presenters.subprocess.Popen", refuse)
    with pytest.raises(PresentingFailed, match="No process can be started to present frames: Too many open files"):
        Process().present(job(0))


def test_closing_does_not_wait_for_a_job_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamer.live.presenters.PROGRAM", HANGING)
    process = Process()
    words: list[str] = []
    asking = asked(process, words)
    while not process._busy:
        time.sleep(0.01)
    process.close()
    asking.join(30)
    assert words == ["The server is being stopped."]


def test_closing_ends_the_process_and_refuses_what_comes_after() -> None:
    process = Process()
    played(process)
    assert process._process is not None
    pid = process._process.pid
    process.close()
    assert not psutil.pid_exists(pid)
    with pytest.raises(PresentingFailed):
        process.present(job(0))


def test_jobs_of_several_threads_do_not_mix() -> None:
    process, found = Process(), {}

    def play(stream: str) -> None:
        process.present(job(0, stream=stream))
        found[stream] = [process.present(job(index, stream=stream)).presented.index for index in range(1, 6)]

    threads = [threading.Thread(target=play, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    process.close()
    assert found == {name: [1, 2, 3, 4, 5] for name in "abc"}


def test_there_are_as_many_as_wanted_or_the_threads_of_this_process() -> None:
    assert [type(each) for each in workers(2)] == [Process, Process]
    assert [type(each) for each in workers(0)] == [Here]
