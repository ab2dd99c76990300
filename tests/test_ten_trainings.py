"""The experiment of ten trainings: resumed, spread over processes, and shown as it was measured."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
import torch
from distributed import Client

from experiments import ten_trainings
from helpers import data, metrics, scoreboard
from helpers.models import Autoencoder
from helpers.settings import FIXED_SIZE

OWN = scoreboard.OF_THE_CHAPTER
TINY = {"DIGITS_AT_MOST": "512", "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="interrupts processes as Linux and macOS do")


def heed_interrupts():
    """Undo what a shell does to a command in the background, and to all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def start(tmp_path):
    """Start a module as a process of its own; what still runs after the test is killed."""
    with contextlib.ExitStack() as stack:

        def started(name, *command, tiny=True):
            output = stack.enter_context(open(tmp_path / f"{name}.log", "w"))
            environment = os.environ | (TINY if tiny else {})
            command = [sys.executable, "-m", *command]
            process = subprocess.Popen(
                command,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=heed_interrupts,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            process.output = (tmp_path / f"{name}.log").read_text
            return process

        yield started


@pytest.fixture
def experiment(start, tmp_path):
    """Start the experiment on maps; it writes to ``runs.csv``."""
    results = str(tmp_path / "runs.csv")
    return lambda *options: start(
        "experiment", "experiments.ten_trainings", "--latent-dims", "2", "--results", results, *options
    )


def wait_for(condition, process, timeout=240):
    """Wait until ``condition()`` is true, as long as the process runs."""
    end = time.monotonic() + timeout
    while not condition():
        assert process.poll() is None, process.output()
        assert time.monotonic() < end, process.output()
        time.sleep(0.05)


def finished(process, code=0):
    """Wait for the process to end and return what it printed."""
    assert process.wait(timeout=300) == code, process.output()
    return process.output()


def runs(path):
    """How many lines each run has in the results."""
    return ten_trainings.results(path).groupby(list(ten_trainings.Run._fields)).size()


def test_an_interrupted_experiment_goes_on_where_it_was(tmp_path, experiment):
    path = tmp_path / "runs.csv"
    process = experiment("--seeds", "2", "--jobs", "1")
    wait_for(lambda: len(runs(path)) >= 2, process)
    process.send_signal(signal.SIGINT)
    assert "the same command goes on" in finished(process, code=1)
    before = ten_trainings.results(path)
    assert 2 <= len(runs(path)) < 8

    finished(experiment("--seeds", "2", "--jobs", "2"))
    after = ten_trainings.results(path)
    assert len(runs(path)) == 8
    assert (runs(path).groupby("chapter").nunique() == 1).all()
    assert len(after.merge(before)) == len(before)

    written = path.stat().st_mtime_ns
    finished(experiment("--seeds", "2"))
    assert path.stat().st_mtime_ns == written


@pytest.fixture
def few_digits(train_set, test_set, monkeypatch):
    """Shrink the experiment inside this process, as ``TINY`` does for others."""
    sets = {"train": train_set, "test": test_set}
    monkeypatch.setattr(data, "load_mnist", lambda split: tuple(part[:512] for part in sets[split]))
    monkeypatch.setattr(metrics, "SAMPLES", 100)
    for cached in (metrics.test_digits, metrics.real_digits):
        cached.cache_clear()
    yield
    for cached in (metrics.test_digits, metrics.real_digits):
        cached.cache_clear()


def test_a_run_measures_everything_and_twice_the_same(few_digits):
    run = ten_trainings.Run(3, 2, 0.0, OWN, 0)
    table = ten_trainings.measured(run)
    values = table.set_index(["sampler", "metric"])["value"]
    assert values.index.is_unique
    assert values.notna().all()
    assert set(values["blind"].index) == set(values["fitted"].index) == set(metrics.real_digits())
    assert set(values["scaled"].index) == set(metrics.real_digits())
    assert values["none", "test loss"] == pytest.approx(
        values["none", "test reconstruction"] + values["none", "test energy"]
    )
    assert values["none", "copy"] > values["none", "floor of the copy"]
    assert table.equals(ten_trainings.measured(run))


def test_one_latent_number_is_measured_too(few_digits):
    assert ten_trainings.measured(ten_trainings.Run(4, 1, 0.0, OWN, 0))["value"].notna().all()


def test_a_half_trained_model_is_not_measured(few_digits, monkeypatch, tmp_path):
    monkeypatch.setattr(ten_trainings.training, "fit", lambda *_, **__: [{"epoch": 0.5}])
    with pytest.raises(KeyboardInterrupt):
        ten_trainings.measure_all([ten_trainings.Run(1, 2, 0.0, OWN, 0)], tmp_path / "runs.csv", jobs=1)
    assert not (tmp_path / "runs.csv").exists()


def test_the_decoder_of_chapter_3_is_met_with_noise_of_the_fixed_size(test_set):
    model, images = Autoencoder(latent_dim=2, width=16), test_set[0][:5000]
    noise = ten_trainings.trained_points(model, 3, images) - model.encode(images)
    assert noise.std().item() == pytest.approx(FIXED_SIZE, rel=0.05)
    assert torch.equal(ten_trainings.trained_points(model, 2, images), model.encode(images))


@pytest.fixture
def scheduler(start):
    """The address of a Dask scheduler on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    start("scheduler", "distributed.cli.dask_scheduler", *options, tiny=False)
    return f"tcp://127.0.0.1:{port}"


@pytest.fixture
def worker(start, scheduler):
    """Start a worker process of that scheduler."""
    options = [scheduler, "--no-nanny", "--no-dashboard"]
    return lambda name, threads=1: start(
        name, "distributed.cli.dask_worker", *options, "--name", name, "--nthreads", str(threads)
    )


def test_a_cluster_loses_nothing_when_a_worker_is_killed(tmp_path, experiment, scheduler, worker):
    path = tmp_path / "runs.csv"
    doomed, _ = worker("doomed"), worker("survivor")
    with Client(scheduler, timeout="60s") as client:
        client.wait_for_workers(2, timeout=120)
        workers = client.scheduler_info(n_workers=-1)["workers"]
        address = next(place for place, about in workers.items() if about["name"] == "doomed")
        process = experiment("--seeds", "3", "--dask", scheduler)
        wait_for(lambda: len(runs(path)) >= 2 and client.processing().get(address), process)
        doomed.kill()
        finished(process)
    assert len(runs(path)) == 12
    assert not ten_trainings.results(path).duplicated([*ten_trainings.Run._fields, "sampler", "metric"]).any()
    assert ten_trainings.results(path).notna().all(axis=None)


def test_clusters_that_will_not_do_are_named(experiment, scheduler, worker):
    assert "No Dask scheduler answers" in finished(experiment("--dask", "tcp://127.0.0.1:1"), code=1)
    with Client(scheduler, timeout="60s") as client:
        assert "has no workers" in finished(experiment("--dask", scheduler), code=1)
        worker("threads", threads=2)
        client.wait_for_workers(1, timeout=120)
        assert "share one random generator" in finished(experiment("--dask", scheduler), code=1)


@pytest.mark.parametrize("options", [["--seeds", "0"], ["--latent-dims", "two"], ["--jobs", "-1"]])
def test_nonsense_on_the_command_line_is_refused(options, capsys):
    with pytest.raises(SystemExit):
        ten_trainings.main(options)
    assert "is not a whole number from 1 up" in capsys.readouterr().err


@pytest.mark.parametrize("latent_dim", [2, 12])
def test_what_ships_holds_ten_runs_of_every_chapter(latent_dim):
    seeds = scoreboard.ten_trainings(latent_dim=latent_dim).groupby("chapter")["seed"].unique()
    assert list(seeds.index) == [1, 2, 3, 4]
    for found in seeds:
        assert set(found) == set(range(ten_trainings.SEEDS))


def test_what_ships_is_the_experiment_and_nothing_else():
    """Chapter 2 without its weight decay is a part of it, and of shared sizes the first few seeds."""
    runs = ten_trainings.all_runs(ten_trainings.SEEDS, [2, 12])
    assert ten_trainings.Run(2, 12, 0.0, OWN, 9) in runs
    table = ten_trainings.results(scoreboard.RESULTS)[list(ten_trainings.Run._fields)].drop_duplicates()
    own, shared = table[table["sizes"] == OWN], table[table["sizes"] != OWN]
    assert {run for run in runs if run.sizes == OWN} == set(own.itertuples(index=False, name=None))
    assert set(shared.itertuples(index=False, name=None)) <= set(runs)
    for seeds in (
        shared[shared["sizes"] == sizes]["seed"] for sizes in ("one for all", "one for each number")
    ):
        assert sorted(seeds) == list(range(len(seeds)))
        assert len(seeds) >= 3


@pytest.mark.parametrize("sizes", ["one for all", "one for each number"])
def test_shared_sizes_are_measured_as_shared(few_digits, sizes):
    table = ten_trainings.measured(ten_trainings.Run(4, 12, 0.0, sizes, 0)).set_index("metric")["value"]
    assert table["size of 0"] == pytest.approx(table["size of 1"])
    assert {f"cost of noise of {digit}" for digit in range(10)} <= set(table.index)


def test_a_run_measured_before_a_measure_was_thought_of_is_completed_and_keeps_its_numbers(
    few_digits, tmp_path, monkeypatch
):
    path, run = tmp_path / "runs.csv", ten_trainings.Run(1, 2, 0.0, OWN, 0)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    old = ten_trainings.measured(run).query("metric != @ten_trainings.NEWEST")
    old.loc[old["metric"] == "copy", "value"] = 71.0
    old.to_csv(path, index=False)
    ten_trainings.measure_all([run], path, jobs=1)
    values = ten_trainings.results(path).query("sampler == 'none'").set_index("metric")["value"]
    assert values["copy"] == 71
    assert values.index.is_unique
    assert ten_trainings.NEWEST in values


def test_the_scoreboard_shows_the_chapters_so_far_and_then_yours():
    scores = {how: dict(metrics.real_digits()) for how in ("blind", "fitted")}
    board = scoreboard.scoreboard(2, yours=scores)
    names = list(board.index.get_level_values(0).unique())
    assert names == ["chapter 1", "chapter 2", "yours", "real digits"]
    assert board.notna().all(axis=None)
    chosen = "chapter == 2 and metric == 'coverage' and sampler == 'blind'"
    median = scoreboard.ten_trainings().query(chosen)["value"].median()
    assert board.loc[("chapter 2", "blind"), "coverage"] == pytest.approx(median, abs=0.005)
    assert (board.loc[("yours", "fitted")] == board.loc[("real digits", "")]).all()


SCORES = dict.fromkeys(scoreboard.SHOWN, 1.0)
NOT_MEASURED = [
    (lambda: scoreboard.median("Frechet distance", 1), "metric 'Frechet distance', but .* Fréchet distance"),
    (lambda: scoreboard.median("coverage", 5), "chapter 5, but with 1, 2, 3, 4"),
    (lambda: scoreboard.median("coverage", 1, "Blind"), "sampler 'Blind', but with blind, fitted"),
    (lambda: scoreboard.median("coverage", 1, weight_decay=0.1), "weight_decay 0.1, but with 0.0, 0.3"),
    (lambda: scoreboard.ten_trainings(sizes="one"), "sizes 'one', but with .* one for all"),
    (lambda: scoreboard.ten_trainings(latent_dim=16), "latent_dim 16"),
    (lambda: scoreboard.scoreboard(5), "chapter 5"),
    (lambda: scoreboard.scoreboard("4"), "chapter '4'"),
    (lambda: scoreboard.by_sampler("coverage", 0), "chapter 0"),
    (lambda: scoreboard.scoreboard(2, scaled=SCORES), 'scaled={"blind": scores}'),
    (lambda: scoreboard.scoreboard(2, yours=Autoencoder(2, width=8)), "yours wants scores by sampler"),
    (lambda: scoreboard.by_sampler("coverage", 2, yours=SCORES), "yours wants scores by sampler"),
]


@pytest.mark.parametrize(("ask", "words"), NOT_MEASURED)
def test_what_was_not_measured_is_told_in_words(ask, words):
    with pytest.raises((TypeError, ValueError), match=words):
        ask()


def test_three_samplers_stand_side_by_side():
    yours = {
        how: dict.fromkeys(scoreboard.SHOWN, value) for value, how in enumerate(("blind", "scaled", "fitted"))
    }
    table = scoreboard.by_sampler("coverage", 2, yours=yours)
    assert list(table.index) == ["chapter 1", "chapter 2", "yours"]
    assert table.loc["yours"].to_dict() == {"blind": 0, "scaled": 1, "fitted": 2}
    assert table.loc["chapter 2", "scaled"] == pytest.approx(
        scoreboard.median("coverage", 2, "scaled"), abs=0.05
    )


def test_the_picture_of_the_scores_tells_their_medians():
    picture = ten_trainings.picture(scoreboard.ten_trainings(3))
    assert "coverage, 12 numbers, blind: [" in picture.alt
    assert len(picture.axes) == 3
    assert {text.get_text() for text in picture.legends[0].get_texts()} == {"blind", "fitted"}
