"""What the person wrote after the request: thanks, complaints, corrections, and stopping the agent."""

import re
from collections.abc import Iterator

from hivemind.distill import phrases
from hivemind.distill.episodes import MANY_WORDS, Episode, Stopped
from hivemind.distill.session_view import Prompt
from hivemind.domain.outcomes import Outcome, Signal

#: What is said of the work stands at the beginning; what follows may be the next task, in characters.
OPENING_CHARS = 160
#: A yes, a thank-you or the like of so many words asks for nothing more.
MAX_ANSWER_WORDS = 8
#: What was thought of the work before more was asked for says less of all of it.
EARLIER = 0.4
#: An error that was pasted stands at the beginning of a message, in characters.
_PASTED_CHARS = 400
_PASTED = re.compile(
    r"Traceback \(most recent|^\s*at \S+ \(.*:\d+|\b(?:Uncaught|Unhandled)\b|\b\w*(?:Error|Exception): "
    r"|\bpanic: |\bexit(?:ed)?(?: with)? (?:code|status) [1-9]|\bFAILED\b"
    r"|\berror(?:\[\w+\])?: |\S\.\w+:\d+:\d+",
    re.MULTILINE,
)
_TROUBLE = re.compile(
    r"\b(?:bugged|buggy|crash(?:es|ed|ing)|nothing (?:happens|happened|changed|shows)"
    r"|no longer (?:work|show|valid)\w*"
    r"|(?:not|\w+n't|cannot) (?:\w+ )?(?:see|seeing|show\w*|appear\w*|visible|load\w*|updat\w*|there)"
    r"|not sure (?:if|that|whether)|something(?:'s| is) (?:wrong|off)"
    r"|errors? (?:in|when|while|after|from|on)|(?:still|also) gets?"
    r"|should (?:also|still|not|have|be)|shouldn't|missing|failing|fails)\b",
    re.IGNORECASE,
)


def read(episode: Episode) -> Iterator[Signal]:
    """Yield what the person thought of the work, as far as it was said."""
    request = next((n for n, p in enumerate(episode.prompts) if _asks(p.text)), 0)
    later = [*episode.prompts[request + 1 :], *([episode.next_prompt] if episode.next_prompt else [])]
    moods = [(prompt, _mood(prompt.text)) for prompt in later]
    told = [(prompt, mood) for prompt, mood in moods if mood is not None]
    if told:
        prompt, mood = told[-1]
        yield _last_word(prompt, mood, final=not any(p.seq > prompt.seq and _asks(p.text) for p in later))
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
    yield from _trouble(episode)
    yield from _stops(episode)


def last_ask(episode: Episode) -> int:
    """Give the `seq` of the last message that asked for anything; what was verified before is not on it."""
    asked = [prompt for prompt in episode.prompts if _asks(prompt.text)]
    return asked[-1].seq if asked else -1


def _asks(text: str) -> bool:
    if text.strip().startswith("/"):
        return False
    answers = any(phrases.begins(kind, text) for kind in ("approval", "praise", "thanks"))
    return not answers or len(text.split()) > MAX_ANSWER_WORDS


def _trouble(episode: Episode) -> Iterator[Signal]:
    """Yield that what the person wrote next tells of something that does not work."""
    following = episode.next_prompt
    if following is None or _mood(following.text) is not None:
        return
    text = following.text.strip()
    short = len(text.split()) <= MANY_WORDS
    if _PASTED.search(text[:_PASTED_CHARS]) or (short and _TROUBLE.search(text[:OPENING_CHARS])):
        yield Signal(
            name="trouble_after",
            points_to=Outcome.FAILURE,
            text="the person's next message tells of something that does not work",
            event_ids=(following.event_id,),
            strength=0.5,
        )


def _mood(text: str) -> Outcome | None:
    """Read a message for what it says of the work before it; None where it says nothing."""
    opening = text.strip()[:OPENING_CHARS]
    if phrases.says("giving_up", opening) or phrases.says("complaint", opening):
        return Outcome.FAILURE
    if phrases.says("praise", opening) or phrases.says("thanks", opening):
        return None if opening.rstrip().endswith(("?", "？")) else Outcome.SUCCESS
    return None


def _last_word(prompt: Prompt, mood: Outcome, *, final: bool) -> Signal:
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
        text=f"{words[kind]} ({phrases.says(kind, opening)!r})" + ("" if final else ", and asked for more"),
        event_ids=(prompt.event_id,),
        strength=strengths[kind] * (1.0 if final else EARLIER),
        decides=final,
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
        strength=0.6 if at_end else 0.0,
    )
