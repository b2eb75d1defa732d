"""The validation rule: fixed for ever, blind to spelling, about a fifth."""

import hashlib

import pytest
from scipy import stats

from certiqa.data.splits import content_key, fold, is_validation


def test_the_rule_is_sha256_of_the_normalised_content_modulo_five():
    for content in ("a tray of sushi", "880.JPG", "statue of a man", "Überfahrt  bei Nacht"):
        key = " ".join(content.casefold().split())
        digest = int(hashlib.sha256(key.encode("utf-8")).hexdigest(), 16)
        assert is_validation(content) is (digest % 5 == 0)


def test_known_members_stay_where_they_are():
    validation = [name for name in (f"{number}.jpg" for number in range(40)) if is_validation(name)]
    assert validation == ["9.jpg", "11.jpg", "13.jpg", "15.jpg", "18.jpg", "21.jpg", "23.jpg", "28.jpg"]


@pytest.mark.parametrize("spelling", ["A tray of Sushi", " a tray of sushi\n", "a\ttray  of sushi", "A TRAY OF SUSHI"])
def test_the_spelling_of_a_content_does_not_move_it(spelling):
    assert content_key(spelling) == "a tray of sushi"
    assert is_validation(spelling) is is_validation("a tray of sushi") is True


def test_different_contents_are_different():
    assert content_key("a man") != content_key("a  ma n")


def test_about_a_fifth_is_validation_and_salts_are_independent():
    names = [f"content {number}" for number in range(20_000)]
    validation = [is_validation(name) for name in names]
    other = [fold(name, 5, salt="other:") == 0 for name in names]
    both = sum(a and b for a, b in zip(validation, other, strict=True))
    assert stats.binomtest(sum(validation), len(names), 1 / 5).pvalue > 1e-5
    assert stats.binomtest(both, sum(validation), 1 / 5).pvalue > 1e-5
