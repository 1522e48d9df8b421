from hivemind.api import Format as Format
from hivemind.api import Session as Session
from hivemind.api import Skill as Skill
from hivemind.api import Skills as Skills
from hivemind.api import ToolUse as ToolUse
from hivemind.api import record_outcome as record_outcome
from hivemind.api import session as session
from hivemind.api import skills_for as skills_for
from hivemind.api import skills_for_async as skills_for_async

__version__: str
