"""What README and chapters quote is what the experiment of ten trainings measured.

``python tests/test_quotes.py`` prints every sentence as it has to be.
"""

import json
from pathlib import Path

import pandas as pd
import pytest

from helpers import metrics, scoreboard

ROOT = Path(__file__).parent.parent
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SHARES = ("recognizable", "coverage")
BETTER = {"Fréchet distance": "less", "recognizable": "greater", "coverage": "greater"}


def measured(metric, chapter, sampler="blind", latent_dim=12, **kind):
    """What was measured, in the order of the seeds; see ``scoreboard.ten_trainings``."""
    chosen = scoreboard.ten_trainings(4, latent_dim, **kind).query(
        "metric == @metric and chapter == @chapter and sampler == @sampler"
    )
    return chosen.sort_values("seed").reset_index()["value"]


def median(metric, chapter, sampler="blind", latent_dim=12):
    return f"{measured(metric, chapter, sampler, latent_dim).median():.1f}"


def nats(chapter):
    """What a copy costs."""
    return f"{measured('copy', chapter, 'none').median():.0f}"


def percent(metric, chapter, sampler="blind"):
    return f"{measured(metric, chapter, sampler).median():.0%}"


def percents(metric, chapter, sampler="blind"):
    values = measured(metric, chapter, sampler)
    return f"{values.min():.0%} to {values.max():.0%}"


def improved(metric, chapter):
    """In which seeds the blind samples of a chapter beat those of the chapter before."""
    now, before = measured(metric, chapter), measured(metric, chapter - 1)
    return now < before if BETTER[metric] == "less" else now > before


def how_often(metric, *chapters):
    times = [str(improved(metric, chapter).sum()) for chapter in chapters]
    return f"{', '.join(times[:-1])}{' and ' if times[:-1] else ''}{times[-1]} of 10"


def row(chapter):
    """A row of the README's table."""
    cells = []
    for sampler in ("blind", "fitted"):
        cells.append(spans(measured("Fréchet distance", chapter, sampler), 1))
        cells += [spans(measured(metric, chapter, sampler), 2) for metric in SHARES]
    return f"| {chapter} | " + " | ".join(cells) + " |"


def two_numbers():
    """What the README says about the maps' size of latent space."""
    distances = [median("Fréchet distance", chapter, latent_dim=2) for chapter in (1, 2, 3, 4)]
    return (
        f"With two latent numbers, as on the maps, the blind Fréchet distances are {', '.join(distances)}. "
        f"There, chapter 3 is a step back: its noise of 0.2 makes the codes spread to "
        f"{median('spread', 3, 'none', 2)}, beyond the random points."
    )


def springs_on_the_codes_alone():
    """What chapter 2 says of its own training without weight decay."""

    def without(sampler):
        return measured("Fréchet distance", 2, sampler, weight_decay=0.0).median()

    return (
        f"without springs on the weights, the median is {without('blind'):.1f} blind, no better than chapter "
        f"1's {median('Fréchet distance', 1)}, and {without('scaled'):.1f} shrunk."
    )


def epilogues(model, metric="Fréchet distance"):
    """What ``experiments.ten_epilogues`` measured, in the order of the seeds."""
    table = pd.read_csv(scoreboard.EPILOGUES).query("metric == @metric and model == @model")
    return table.sort_values("seed").reset_index()["value"]


def row_of_epilogues(model):
    """A row of the README's second table."""
    cells = [spans(epilogues(model), 1), *(spans(epilogues(model, metric), 2) for metric in SHARES)]
    return f"| {model} | " + " | ".join(cells) + " |"


def spans(values, digits):
    """Median, lowest and highest."""
    median, low, high = (f"{value:.{digits}f}" for value in (values.median(), values.min(), values.max()))
    return f"{median} ({low} to {high})"


def between(values):
    return f"between {values.min():.1f} and {values.max():.1f}"


def quotes():
    """Page to the sentences and rows that it has to hold."""
    real = metrics.real_digits()
    steps = (2, 3, 4)
    return {
        "README.md": [
            *(row(chapter) for chapter in (1, 2, 3, 4)),
            *(row_of_epilogues(model) for model in ("epilogue", "chapter 4")),
            f"From one chapter to the next, blind samples get better in their Fréchet distance in "
            f"{how_often('Fréchet distance', *steps)} trainings, in the share of recognizable ones in "
            f"{how_often('recognizable', *steps)}, in coverage in {how_often('coverage', *steps)}.",
            two_numbers(),
            f"Real digits: a Fréchet distance of {real['Fréchet distance']:.1f}, {real['recognizable']:.2f} "
            f"recognizable, coverage {real['coverage']:.2f}.",
        ],
        "notebooks/1_autoencoder.ipynb": [
            f"In ten trainings the judge was sure of {percents('recognizable', 1)} of blind samples, and of "
            f"{percents('recognizable', 1, 'fitted')} of fitted ones.",
            f"In the median blind samples cover {percent('coverage', 1)} of the test digits.",
        ],
        "notebooks/2_compact_latent_space.ipynb": [
            f"The Fréchet distance of blind samples fell in {how_often('Fréchet distance', 2)} trainings, in "
            f"the median from {median('Fréchet distance', 1)} to {median('Fréchet distance', 2)}, and they "
            f"cover {percent('coverage', 2)} of the test digits instead of {percent('coverage', 1)} (more in "
            f"{how_often('coverage', 2)}).",
            f"in ten trainings the distance came out {between(measured('Fréchet distance', 2))}.",
            f"{measured('spread', 2, 'none').median():.2f} comes from this loss and this training.",
            f"even of fitted samples only {percent('recognizable', 2, 'fitted')} are recognizable, in "
            f"chapter 1 {percent('recognizable', 1, 'fitted')}.",
            springs_on_the_codes_alone(),
        ],
        "notebooks/3_smooth_neighborhoods.ipynb": [
            f"the blind Fréchet distance fell in {how_often('Fréchet distance', 3)} trainings, in the median "
            f"from {median('Fréchet distance', 2)} to {median('Fréchet distance', 3)}; coverage rose from "
            f"{percent('coverage', 2)} to {percent('coverage', 3)}.",
            f"their Fréchet distance rose from {median('Fréchet distance', 2, 'fitted')} to "
            f"{median('Fréchet distance', 3, 'fitted')}.",
            f"in the median of ten trainings the copies themselves cost {nats(3)} nats, after {nats(2)}.",
            f"in the median {percent('same digit at 0.5', 3, 'none')}, after "
            f"{percent('same digit at 0.5', 1, 'none')} in chapter 1 and "
            f"{percent('same digit at 0.5', 2, 'none')} in chapter 2.",
        ],
        "notebooks/4_variational_autoencoder.ipynb": [
            f"The share of recognizable blind samples rose in {how_often('recognizable', 4)} trainings, in "
            f"the median from {percent('recognizable', 3)} to {percent('recognizable', 4)}, and the Fréchet "
            f"distance fell in {how_often('Fréchet distance', 4)}, from {median('Fréchet distance', 3)} to "
            f"{median('Fréchet distance', 4)}.",
            f"In ten trainings it came out {between(measured('Fréchet distance', 4))}: those that leave five "
            f"numbers idle (Round 3) are the worse ones.",
            f"On real digits chapters 1 to 3 copy at {nats(1)} to {nats(3)} nats; chapter 4 at {nats(4)},",
        ],
        "notebooks/epilogue_latent_diffusion.ipynb": [
            f"In ten trainings its Fréchet distance came out {between(epilogues('epilogue'))}; that of "
            f"chapter 4, trained for as many seconds (12 epochs), {between(epilogues('chapter 4'))}.",
            f"of fewer than of chapter 4's, also after as little training ({percent('recognizable', 4)}).",
        ],
    }


@pytest.fixture(scope="module")
def quoted():
    return quotes()


@pytest.mark.parametrize("page", ["README.md", *(f"notebooks/{path.name}" for path in CHAPTERS)])
def test_every_quote_is_what_was_measured(page, quoted):
    text = (ROOT / page).read_text()
    if page.endswith(".ipynb"):
        text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    words = " ".join(text.split())
    for quote in quoted[page]:
        assert quote in words, quote


def test_the_epilogue_is_better_than_chapter_4_in_ten_of_ten_seeds():
    assert len(epilogues("epilogue")) == len(epilogues("chapter 4")) == 10
    assert all(epilogues("epilogue") < epilogues("chapter 4"))
    for metric in SHARES:
        assert all(epilogues("epilogue", metric) > epilogues("chapter 4", metric))


def test_no_text_quotes_a_chapter_that_got_worse_as_better():
    """The story of the chapters: each samples better than the one before, in nearly all seeds.

    But for the coverage of chapter 2, which rises in the median, and of which its page says how often.
    """
    for metric, when in BETTER.items():
        medians = [measured(metric, chapter).median() for chapter in (1, 2, 3, 4)]
        assert sorted(medians, reverse=when == "less") == medians, metric
        for chapter in (2, 3, 4):
            if (metric, chapter) != ("coverage", 2):
                assert improved(metric, chapter).sum() >= 8, (metric, chapter)


def test_what_chapter_4_says_of_idle_numbers_and_of_measuring():
    blind, idle = measured("Fréchet distance", 4), (12 * measured("idle", 4, "none")).round()
    assert set(idle) == {4, 5}
    assert blind[idle == 5].min() > blind[idle == 4].max()
    for chapter in (1, 2, 3):
        assert blind.median() < measured("Fréchet distance", chapter, "fitted").min()


def test_chapter_2_gains_by_both_kinds_of_springs_and_by_neither_alone():
    none, codes, weights, both = (
        measured("Fréchet distance", chapter, weight_decay=decay)
        for decay in (0.0, 0.3)
        for chapter in (1, 2)
    )
    assert len(none) == len(codes) == len(weights) == len(both) == 10
    assert codes.median() == pytest.approx(none.median(), rel=0.1)
    assert weights.min() > none.max()
    assert both.median() < 0.8 * none.median()


def test_each_half_step_of_chapter_4_makes_better_samples_and_a_larger_loss():
    """One size for all digits, one for each number, each digit's own; the price finds a scale."""
    steps = ("one for all", "one for each number", scoreboard.OF_THE_CHAPTER)
    shared, numbers, own = (measured("recognizable", 4, sizes=sizes) for sizes in steps)
    assert len(shared) == len(numbers) == len(own) == 10
    assert all(shared < numbers)
    assert all(numbers < own)
    shared, numbers, own = (measured("Fréchet distance", 4, sizes=sizes) for sizes in steps)
    assert all(numbers < shared)
    assert own.median() < numbers.median()
    losses = [measured("test loss", 4, "none", sizes=sizes).median() for sizes in steps]
    assert losses == sorted(losses)
    assert measured("size of 0", 4, "none", sizes="one for all").between(0.15, 0.25).all()


def test_digits_that_noise_hurts_ask_for_small_neighborhoods_in_every_training():
    def by_digit(name, chapter):
        return pd.DataFrame({digit: measured(f"{name} of {digit}", chapter, "none") for digit in range(10)})

    costs, sizes = by_digit("cost of noise", 3).median(), by_digit("size", 4)
    assert len(sizes) >= 3
    assert (sizes.idxmax(axis=1) == 1).all()
    assert (sizes.corrwith(costs, axis=1) < -0.5).all()


def test_what_the_chapters_say_of_clouds_and_steps():
    """Chapter 1's cloud is no ball, chapter 2's is; and in relative steps no chapter is smoother."""
    blind, scaled, fitted = (measured("Fréchet distance", 1, how) for how in ("blind", "scaled", "fitted"))
    assert all(blind - scaled < 0.5 * (blind - fitted))
    assert all(measured("Fréchet distance", 2, "scaled") < 1.4 * measured("Fréchet distance", 2, "fitted"))
    shares = [measured("same digit at 0.5", chapter, "none") for chapter in (1, 2, 3, 4)]
    assert max(shares[2]) - min(shares[0]) < 0.05
    assert all(shares[3] < shares[0])
    costs = [measured("cost of noise of 0.2 spreads", chapter, "none") for chapter in (2, 3)]
    assert (costs[1] / costs[0]).between(0.5, 0.7).all()
    place = [measured("distance from N(0, I)", chapter, "none", dim) for dim in (12, 2) for chapter in (3, 4)]
    assert all(place[1] < place[0])
    assert all(place[3] < place[2])


if __name__ == "__main__":
    for page, sentences in quotes().items():
        print(page, *sentences, sep="\n", end="\n\n")
