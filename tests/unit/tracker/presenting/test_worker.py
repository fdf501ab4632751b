"""Presenters in a process of their own: the jobs, the answers, and the way between."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from streamer.live.presenters import PROGRAM
from tests.support.moving import HEIGHT, WIDTH, looked, picture, shown
from tracker import Done, Failed, Forget, Job, Presenter, Streams, receive, send
from tracker.presenting.worker import News, serve

SIZE = (HEIGHT, WIDTH)


def job(index: int, *news: News, stream: str = "a", x: int = 100) -> Job:
    return Job(stream, news, picture((x, 80)), SIZE, index, index / 30, cut=False, ahead=True)


JOBS = [job(0), job(1, 0, (1, looked(0, shown(100, 80))), x=105), job(2, x=110)]


def test_answers_are_those_of_a_presenter_and_name_the_look_by_its_number() -> None:
    streams, presenter = Streams(), Presenter()
    done = [streams.present(each) for each in JOBS]
    for each in JOBS:
        for news in each.news:
            presenter.begin(news) if isinstance(news, int) else presenter.take(news[1])
        alone = presenter.present(each.luma, each.size, each.index, each.seconds, ahead=True)
    assert [each.shown for each in done] == [None, 1, 1]
    assert done[-1].presented.tracks == alone.tracks != ()
    assert done[-1].presented.ahead == alone.ahead
    assert done[-1].presented.snapshot is None  # it is known where it came from


def test_streams_are_kept_apart_and_forgotten() -> None:
    streams = Streams()
    for each in JOBS:
        streams.present(each)
    assert not streams.present(job(3, stream="b")).presented.tracks
    assert len(streams) == 2
    streams.forget("a")
    streams.forget("never heard of")
    assert len(streams) == 1
    assert not streams.present(job(3)).presented.tracks


def test_jobs_are_served_until_there_are_no_more() -> None:
    jobs, answers = io.BytesIO(), io.BytesIO()
    for each in (JOBS[0], Job("a", (), np.zeros((0, 0), np.uint8), SIZE, 1, 0.1, cut=False, ahead=False), Forget("a")):
        send(jobs, each)
    jobs.seek(0)
    serve(jobs, answers)
    answers.seek(0)
    assert isinstance(receive(answers), Done)
    failed = receive(answers)
    assert isinstance(failed, Failed)
    assert "error" in failed.words.lower()
    with pytest.raises(EOFError):
        receive(answers)


def test_half_a_message_is_the_end() -> None:
    whole = io.BytesIO()
    send(whole, "a message")
    with pytest.raises(EOFError):
        receive(io.BytesIO(whole.getvalue()[:-3]))


def test_a_process_that_presents_does_without_torch() -> None:
    code = PROGRAM.replace("main()", "print('torch' in sys.modules, 'av' in sys.modules)")
    folder = str(Path(__file__).parents[4] / "tracker")
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
