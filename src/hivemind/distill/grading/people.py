"""What the person wrote after the request: thanks, complaints, corrections, and stopping the agent."""

from collections.abc import Iterator

from hivemind.distill import phrases
from hivemind.distill.episodes import Episode, Stopped
from hivemind.distill.session_view import Prompt
from hivemind.domain.outcomes import Outcome, Signal

#: What is said of the work stands at the beginning; what follows may be the next task, in characters.
OPENING_CHARS = 160


def read(episode: Episode) -> Iterator[Signal]:
    """Yield what the person thought of the work, as far as it was said."""
    later = [*episode.prompts[1:], *([episode.next_prompt] if episode.next_prompt else [])]
    moods = [(prompt, _mood(prompt.text)) for prompt in later]
    told = [(prompt, mood) for prompt, mood in moods if mood is not None]
    if told:
        yield _last_word(*told[-1])
    earlier = [prompt for prompt, mood in told[:-1] if mood is Outcome.FAILURE]
    if earlier:
        yield Signal(
            name="complaints",
            points_to=Outcome.UNKNOWN,
            text=f"the person objected {len(earlier)} times before",
            event_ids=tuple(prompt.event_id for prompt in earlier[:5]),
            strength=0.0,
        )
    corrections = [prompt for prompt in episode.prompts[1:] if phrases.begins("correction", prompt.text)]
    if len(corrections) > 1:
        yield Signal(
            name="corrections",
            points_to=Outcome.FAILURE,
            text=f"the person corrected the agent {len(corrections)} times",
            event_ids=tuple(prompt.event_id for prompt in corrections[:5]),
            strength=0.5,
        )
    yield from _stops(episode)


def _mood(text: str) -> Outcome | None:
    """Read a message for what it says of the work before it; None where it says nothing."""
    opening = text.strip()[:OPENING_CHARS]
    if phrases.says("giving_up", opening) or phrases.says("complaint", opening):
        return Outcome.FAILURE
    if phrases.says("praise", opening) or phrases.says("thanks", opening):
        return None if opening.rstrip().endswith(("?", "？")) else Outcome.SUCCESS
    return None


def _last_word(prompt: Prompt, mood: Outcome) -> Signal:
    opening = prompt.text.strip()[:OPENING_CHARS]
    kinds = ("giving_up", "complaint") if mood is Outcome.FAILURE else ("praise", "thanks")
    kind = next(kind for kind in kinds if phrases.says(kind, opening))
    words = {
        "giving_up": "the person gave up",
        "complaint": "the person's last word was a complaint",
        "praise": "the person was content at the end",
        "thanks": "the person said thanks at the end",
    }
    strengths = {"giving_up": 1.5, "complaint": 1.6, "praise": 1.4, "thanks": 0.8}
    return Signal(
        name=kind,
        points_to=mood,
        text=f"{words[kind]} ({phrases.says(kind, opening)!r})",
        event_ids=(prompt.event_id,),
        strength=strengths[kind],
        decides=True,
    )


def _stops(episode: Episode) -> Iterator[Signal]:
    stops = [m for m in episode.moments if isinstance(m, Stopped)]
    if not stops:
        return
    at_end = isinstance(episode.moments[-1], Stopped)
    yield Signal(
        name="interrupted",
        points_to=Outcome.FAILURE if at_end else Outcome.UNKNOWN,
        text="the person stopped the agent and left it"
        if at_end
        else "the person stopped the agent on the way",
        event_ids=tuple(stop.event_id for stop in stops[:5]),
        strength=1.0 if at_end else 0.0,
        decides=at_end,
    )
