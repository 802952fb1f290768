"""A question is answered by the same command again: by the same person, soon, and once."""

from datetime import UTC, datetime, timedelta

from handlers.slack.confirmations import WITHIN, Confirmations

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def asked() -> Confirmations:
    confirmations = Confirmations()
    confirmations.ask("U1", "resolve 1", NOON)
    return confirmations


def test_the_same_person_who_wants_the_same_again_has_confirmed_it_once() -> None:
    confirmations = asked()
    assert confirmations.confirmed("U1", "resolve 1", NOON + WITHIN)
    assert not confirmations.confirmed("U1", "resolve 1", NOON + WITHIN)


def test_others_other_deeds_and_later_confirm_nothing() -> None:
    assert not asked().confirmed("U2", "resolve 1", NOON)
    assert not asked().confirmed("U1", "resolve 2", NOON)
    assert not asked().confirmed("U1", "resolve 1", NOON + WITHIN + timedelta(seconds=1))


def test_open_questions_are_bounded() -> None:
    confirmations = Confirmations()
    for number in range(5000):
        confirmations.ask("U1", str(number), NOON)
    assert not confirmations.confirmed("U1", "4999", NOON)
    confirmations.ask("U1", "late", NOON + 2 * WITHIN)
    assert confirmations.confirmed("U1", "late", NOON + 2 * WITHIN)
