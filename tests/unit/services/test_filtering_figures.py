"""The figures of docs/filtering.md, on fewer letters: half is learned, the other half judged."""

from tests import filtering_figures


async def test_words_tell_junk_from_wanted_mail_and_hardly_ever_call_wanted_mail_junk(tmp_path):
    measured = await filtering_figures.measure(tmp_path, 700, seed=7)
    assert measured.by_words.total == 700
    assert measured.by_words.accuracy > 0.88
    assert measured.by_words.false_positives < 0.02
    assert measured.by_score.false_positives < 0.01
    assert measured.by_score.caught > 0.5


async def test_little_learning_leads_to_no_wrong_junk(tmp_path):
    measured = await filtering_figures.measure(tmp_path, 60, seed=7, languages=("en",))
    assert measured.by_score.wrongly_junk == 0


async def test_every_language_is_learned(tmp_path):
    measured = await filtering_figures.measure(tmp_path, 1400, seed=3)
    for language, figures in measured.by_language.items():
        assert figures.accuracy > 0.8, (language, str(figures))
