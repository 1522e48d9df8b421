"""A model server that plays a script, so that a real agent runs without an account and without chance.

A rule is a pattern for the last thing a person asked, and the steps the model then takes:

    with ScriptedModel() as model:
        model.when("run the tests", shell("pytest -q"), shell("make test"), say("They pass."))

Which step comes next is read from the request alone (how often has the model spoken since the person did?),
so retries, parallel sessions and resumed ones need no bookkeeping. A step may also be a function of the
request, for a model that behaves differently when it has been told something.

One server speaks every wire format of `WIRES`, streaming and not; the same script drives any agent.
"""

from .parts import Item, Tool
from .request import Request, human_text
from .script import MAX_TURNS, Step, StepLike, call, fail, say, shell, together, write
from .server import MODELS, ScriptedModel

__all__ = [
    "MAX_TURNS",
    "MODELS",
    "Item",
    "Request",
    "ScriptedModel",
    "Step",
    "StepLike",
    "Tool",
    "call",
    "fail",
    "human_text",
    "say",
    "shell",
    "together",
    "write",
]
