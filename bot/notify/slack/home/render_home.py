"""A person's page as a view of Slack: valid Block Kit whatever is in it, within the hundred blocks of a view."""

from collections.abc import Iterator, Sequence
from typing import Any

from slack_sdk.models.blocks import Block, DividerBlock

from bot.notify.card import Button
from bot.notify.home.home_card import HomeCard, HomeIncident, HomeOffer, OnCallLine
from bot.notify.slack.blocks import actions, context, header, packed, section
from bot.notify.slack.render import facts, headline
from bot.notify.slack.render_run import run_blocks
from bot.notify.slack.text import link, literal, one_line, when, who

PAGE = "home.page"
MOST_SCHEDULES = 20
_MOST_BLOCKS = 100
_NOBODY = "This page is for members of the workspace."
_NOTHING = "Nothing is open. 🎉"


def render_home(card: HomeCard) -> dict[str, Any]:
    """Raises SlackObjectFormationError where a block breaks one of Slack's rules."""
    blocks = [section(_NOBODY), *_notes(card)] if card.stranger else list(_blocks(card))
    return {"type": "home", "blocks": [block.to_dict() for block in blocks[:_MOST_BLOCKS]]}


def plain_home(card: HomeCard) -> dict[str, Any]:
    """The same in its simplest form, for the day Slack refuses what :func:`render_home` made."""
    lines = [one_line(headline(one.card), 200) for one in (*card.own, *card.others)]
    return {"type": "home", "blocks": [section(text).to_dict() for text in packed(lines or [_NOTHING])]}


def _blocks(card: HomeCard) -> Iterator[Block]:
    """What waits for the person comes first, and where all pages lead last, for whoever reads on."""
    counts = card.counts
    if counts.offers:
        yield header(f"Waits for your approval · {counts.offers}")
        for offer in card.offers:
            yield from _offer(offer)
    yield header(f"Yours · {counts.own}")
    yield from _incidents(card.own, "" if counts.own else "You look after none that is open.")
    yield header(_others(card))
    yield from _incidents(card.others, "" if counts.others else _NOTHING)
    if card.pages > 1:
        yield _turning(card)
    if card.on_call:
        yield header("On call now")
        yield from (section(text) for text in packed([_on_call(one) for one in card.on_call[:MOST_SCHEDULES]]))
        if len(card.on_call) > MOST_SCHEDULES:
            yield context(f"and {len(card.on_call) - MOST_SCHEDULES} schedules more: `/incident oncall` has all")
    yield from _notes(card)
    yield context("It is brought up to date by itself for some hours after you have opened it.")


def _notes(card: HomeCard) -> list[Block]:
    return [context(f"⚠️ {literal(note, 300)}") for note in card.notes]


def _others(card: HomeCard) -> str:
    if not card.teams:
        return f"Open · {card.counts.others}"
    named = ", ".join(card.teams[:3]) + (f" and {len(card.teams) - 3} more" if len(card.teams) > 3 else "")
    return one_line(f"Open in {named} · {card.counts.others}", 150)


def _offer(offer: HomeOffer) -> Iterator[Block]:
    about = literal(f"#{offer.number} {offer.title}", 240)
    yield from run_blocks(offer.run)
    yield context(f"For incident {about}{_at(offer.url)}")


def _incidents(shown: Sequence[HomeIncident], otherwise: str) -> Iterator[Block]:
    if otherwise:
        yield context(otherwise)
    for one in shown:
        card = one.card
        yield section(f"*{literal(headline(card), 200)}*{_at(one.url)}")
        yield facts(card)
        if card.buttons or card.menu:
            yield actions(f"incident.{card.incident_id}", card.buttons, card.menu)
        yield DividerBlock()


def _at(url: str) -> str:
    return f" · {shown}" if (shown := link(url, "message")) else ""


def _turning(card: HomeCard) -> Block:
    before = [Button(f"{PAGE}.before", "← Before", str(card.page - 1))] if card.page > 1 else []
    after = [Button(f"{PAGE}.after", "More →", str(card.page + 1))] if card.page < card.pages else []
    here = Button(f"{PAGE}.here", f"Page {card.page} of {card.pages}", str(card.page))
    return actions("home.pages", [*before, here, *after])


def _on_call(one: OnCallLine) -> str:
    now = ", ".join(map(who, one.people)) or "nobody"
    until = f" until {when(one.until)}" if one.until else ""
    then = f", then {', '.join(map(who, one.then)) or 'nobody'}" if one.until else ""
    doubts = "".join(f"\n   ⚠️ {one_line(note, 300)}" for note in one.notes)
    return f"• *{literal(one.schedule, 80)}*: {now}{until}{then}{doubts}"
