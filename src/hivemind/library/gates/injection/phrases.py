"""The phrases that order an agent to act against its user, by what they are for."""

from hivemind.library.gates.injection.orders import Order
from hivemind.library.gates.injection.signals import Role

_FEW = r"(?:\w{1,30} ){0,3}"
_SOME = r"(?:\w{1,30} ){0,6}"
_MANY = r"(?:\w{1,30} ){0,10}"
_USER = r"(?:users?|humans?|operators?|owners?|customers?|victims?|anyone|anybody|people)"
_RULES = (
    r"(?:instructions?|prompts?|guidelines?|directives?|polic(?:y|ies)|guardrails?|safeguards?|programming"
    r"|training|restrictions?|rules?|messages?|directions?|constraints?|ethics|limitations?|orders)"
)
_EARLIER = (
    r"(?:previous|prior|above|earlier|preceding|original|initial|former|system|safety|all|any|your|every"
    r"|developer|security|content|ethical|moral)"
)
_CREDENTIAL = (
    r"(?:credentials?|passwords?|passwd|passphrases?|secrets?|tokens?|(?:api|ssh|access|secret|private|auth"
    r"|encryption|session)(?: \w+)? keys?|keys|env|environment variables?|cookies?|xsecretfile"
    r"|seed phrases?|mnemonic"
    r"|wallets?)"
)
_PRIVATE = (
    r"(?:conversations?|transcripts?|(?:file |source )?tree|chat(?: logs?| history)?|histor(?:y|ies)"
    r"|prompts?|quer(?:y|ies)"
    r"|screenshots?"
    r"|locations?|source code|files?|contents?|data|information|inputs?|messages?|logs?|emails?|contacts?"
    r"|documents?|outputs?|codebase|repository|memor(?:y|ies)|summar(?:y|ies)|reports?|details|numbers?|copy"
    r"|results?|context|responses?|backups?)"
)
_ELSEWHERE = (
    r"(?:xurl|xmail|(?:an? |the |our |this |their |my |your )?(?:\w+ ){0,3}"
    r"(?:endpoint|webhook|server|collector|pastebin|ngrok|url|attacker|bucket|domain|c2|address))"
)
_SEND = (
    "send|sends|sending|post|posts|posting|upload|uploads|uploading|forward|forwards|forwarding|exfiltrate"
    "|exfiltrates|exfiltrating|transmit|transmits|transmitting|email|emails|leak|submit|submits|share|sync"
    "|relay|deliver|push|backup|stream|report|bcc|cc|mail|copy|publish|ship|beacon"
)
_TELL = r"(?:tell|inform|notify|alert|mention|reveal|disclose|report|warn|expose|announce|communicate)"
OVERRIDE = (
    Order(
        "tells the agent to ignore its instructions",
        "ignore|disregard|forget|neglect|discard|abandon",
        rf"{_FEW}{_EARLIER} {_FEW}{_RULES} ",
        refuses=True,
    ),
    Order(
        "tells the agent to ignore its instructions",
        "ignores|ignoring|disregards|disregarding|forgetting",
        rf"{_FEW}{_EARLIER} {_FEW}{_RULES} ",
        warns=True,
    ),
    Order(
        "tells the agent to ignore its instructions",
        "override|bypass|circumvent|overrule|supersede|supersedes",
        rf"{_FEW}(?:previous|prior|above|earlier|preceding|original|system|safety|your|ethical|moral) {_FEW}"
        r"(?:instructions?|prompts?|guidelines?|directives?|guardrails?|safeguards?|programming"
        r"|restrictions?) ",
        refuses=True,
    ),
    Order(
        "sets its own rules above the agent's",
        "override|bypass|ignore|disregard|circumvent|break|violate|ignores",
        rf"(?:all |any |every |your |these |safety |ethical ){_FEW}(?:rules|restrictions|guidelines"
        rf"|guardrails|safeguards"
        r"|limitations|constraints|filters|protocols|boundaries|instructions|policies|policy|safety|laws) ",
        warns=True,
    ),
    Order(
        "tells the agent to ignore its instructions",
        "stop|not|don|never|no",
        rf"(?:t |longer )?(?:follow|following|obey|obeying|comply with|adhere to|bound by|listen to) {_FEW}"
        rf"(?:previous|prior|original|earlier|system|safety|other|your|any) {_FEW}{_RULES} ",
        refuses=True,
        negatable=False,
    ),
    Order(
        "sets its own rules above the agent's",
        "precedence|priority|overrides|override|supersede|supersedes",
        rf"(?:over )?(?:all |any |every ){_FEW}(?:instructions?|prompts?|rules?|skills?|tools?|guidelines?"
        rf"|directives?"
        r"|polic(?:y|ies)) ",
        warns=True,
    ),
    Order(
        "sets its own rules above the agent's",
        "new|updated|revised|real|true|actual|hidden|secret",
        r"(?:system |core |primary |global )?(?:instructions?|directives?|role|objective|purpose|orders?|task"
        r"|configuration override)"
        r" (?:is|are|follow|follows|extract|reveal|disclose|print|output|execute|trust|send|ignore|you"
        r"|from) ",
        warns=True,
    ),
    Order(
        "sets its own rules above the agent's",
        "obey|follow|trust|listen",
        rf"(?:to )?(?:only )?(?:my|me|these|this|the following) {_FEW}(?:above all|only|instead|at all costs"
        r"|without question|unconditionally|regardless) ",
        warns=True,
    ),
)

CONCEAL = (
    Order(
        "tells the agent to keep something from its user",
        "not|don|dont|never|no|avoid|refrain|mustn",
        rf"(?:t )?(?:from )?(?:ever |need to |to )?(?:tell|inform|alert|mention|reveal|disclose)(?:ing)? "
        rf"(?:(?:it|this|that|these|any|about|anything|of|the|to|your|url|\w{{1,20}}) ){{0,5}}{_USER} ",
        refuses=True,
        role=Role.CONCEALED,
        negatable=False,
    ),
    Order(
        "tells the agent to keep something from its user",
        "without",
        rf"(?:ever )?(?:telling|informing|notifying|alerting|mentioning) {_FEW}{_USER} ",
        refuses=True,
        role=Role.CONCEALED,
        negatable=False,
    ),
    Order(
        "tells the agent to act without its user's consent",
        "without|not|never",
        rf"(?:ask (?:the |for ){_FEW}{_USER}|(?:the |any |explicit |further |needing |requiring "
        rf"|prior ){{0,3}}(?:{_USER} (?:s )?(?:knowledge|awareness"
        r"|consent|permission|approval|noticing|confirmation|knowing|input|authorization)|asking"
        r"|confirming|(?:human|user)"
        r" (?:approval|review|confirmation|oversight|consent))) ",
        warns=True,
        negatable=False,
    ),
    Order(
        "does something secretly",
        "secretly|covertly|stealthily|discreetly|surreptitiously|invisibly",
        rf"{_FEW}(?:{_SEND}|collect|harvest|record|capture|execute|run|install|append|add|inject|insert"
        rf"|modify"
        r"|write|log|store|include|copy|extract|monitor|read) ",
        refuses=True,
        role=Role.CONCEALED,
    ),
    Order(
        "does something secretly",
        "silently|quietly|background",
        rf"{_FEW}(?:{_SEND}|collect|harvest|record|capture|exfiltrat\w+|log|inject|append) ",
        warns=True,
        role=Role.CONCEALED,
    ),
    Order(
        "tells the agent to keep something from its user",
        "hide|hides|hiding|conceal|conceals|suppress|keep|keeping|withhold",
        rf"{_SOME}(?:hidden |secret |confidential |invisible )?(?:from|to) (?:the |your |our |any )?"
        rf"(?:{_USER}|security team|reviewers?|logs?|administrators?|auditors?) ",
        warns=True,
        role=Role.CONCEALED,
    ),
    Order(
        "does something secretly",
        "run|runs|execute|executes|invoke|invokes|do|call|calls",
        r"(?:it |this |them |that |these )?(?:silently|quietly|secretly|covertly|invisibly"
        r"|behind the scenes) ",
        warns=True,
        role=Role.CONCEALED,
    ),
    Order(
        "does something else than it says",
        "actually|internally|really|scenes",
        r"(?:run|runs|running|call|calls|execute|executes|invoke|invokes|send|sends|post|posts|delete"
        r"|deletes|upload|uploads"
        r"|exfiltrates?) ",
        warns=True,
    ),
    Order(
        "tells the agent to keep something from its user",
        "user|users|human|humans|operator",
        r"(?:must|should|need|needs|does|do|will|can|is|are) ?(?:not|never|n t) (?:to )?(?:know|notice"
        r"|see this|be told"
        r"|be informed|be aware|be notified|find out|suspect) ",
        warns=True,
        role=Role.CONCEALED,
        negatable=False,
    ),
)

ROLE = (
    Order(
        "gives the agent another role",
        "persona|personas|entity|ego|chatbot|bot|gpt|jailbreak",
        r"(?:(?:named|called|rules|x|loves)|\w{1,20} (?:who is|is (?:not|completely)|does not|despises"
        r"|has no|never)) ",
        warns=True,
    ),
    Order(
        "frees the agent from its limits",
        "not|never|without|no|isn",
        r"(?:t )?(?:be )?(?:constrained by|obligated to|accountable to|restricted (?:to|by|in)|limited by"
        r"|any disclaim\w*|care about"
        r" (?:ethics|others|rules|respecting)|align with openai|follow (?:rules|ethic\w*|laws)) ",
        warns=True,
        negatable=False,
    ),
    Order(
        "dictates what the agent answers",
        "answers|answer|reply|replies|response|responses|output|responding|respond|begin",
        r"(?:(?:will |must |should |every |each )?(?:begin|begins|start|starts|end) with"
        r"|by replying only with|(?:must|has to) be"
        r"|only with (?:the exact|the word|one word)|is the title|with the exact (?:string|text|words?"
        r"|phrase)) ",
        warns=True,
    ),
    Order(
        "gives the agent another role",
        "you",
        r"are (?:now|no longer) (?:an? |the |in |bound |dan |free |unrestricted |going to |sneaky "
        r"|operating )",
        refuses=True,
    ),
    Order(
        "frees the agent from its limits",
        "unrestricted|unfiltered|uncensored|jailbroken|unmoderated|amoral|unconstrained|unethical|jailbreak",
        rf"{_FEW}(?:ai|assistant|model|mode|agent|chatbot|gpt|chatgpt|bot|responses?|answers?|persona|llm"
        rf"|version|output"
        r"|prompt|result|english|spanish) ",
        warns=True,
    ),
    Order(
        "frees the agent from its limits",
        "no|without|zero|free|beyond",
        r"(?:from |of |any |all ){0,3}(?:ethical|moral|safety|content|legal|openai|anthropic|such|standard"
        r"|usual)?(?: or"
        r" \w+)? ?(?:restrictions|guidelines|constraints|filters|limits|limitations|boundaries|censorship"
        r"|guardrails"
        r"|safeguards) ",
        warns=True,
        negatable=False,
    ),
    Order(
        "frees the agent from its limits",
        "developer|god|dan|jailbreak|maintenance|sudo|debug|admin|unrestricted|evil|root",
        r"mode (?:is |now |has been )*(?:enabled|activated|on|active|engaged|unlocked) ",
        warns=True,
    ),
    Order(
        "frees the agent from its limits",
        "never|cannot|always|must|will|not",
        r"(?:ever )?(?:refuse|refuses|decline|declines|comply|complies|obey|say no|reject any|moralize)"
        rf" {_FEW}(?:requests?|anything|any|queries|questions?|prompts?|user|instructions?|with|and|or|me) ",
        warns=True,
        negatable=False,
    ),
    Order(
        "gives the agent another role",
        "you|now|two|dual|take|both|gpt|chatgpt",
        r"(?:(?:are|re) not an? (?:ai|language|assistant)|will (?:now )?(?:be|act|become|take on|answer as"
        r"|respond as)"
        r" (?:\w+ ){0,4}(?:stands|role|dan|persona|two|free|as)|(?:\w+ )?(?:responses|personas|entities"
        r"|personalities)"
        r"|on the (?:role|persona|identity)|have (?:been freed|no restrictions|broken free)|acts? as two) ",
        warns=True,
    ),
    Order(
        "gives the agent another role",
        "pretend|pretending|roleplay|personify|imagine",
        r"(?:to be |as |you are |you re |that you |being |a |an )",
        warns=True,
    ),
    Order(
        "gives the agent another role",
        "act|acts|behave|respond|responding|answer|answering|speak|talk|simulate|transform|become"
        "|personify|function",
        rf"(?:now )?(?:as|like|into|to be)(?: if)? (?:you |an? |the |my |both )?{_FEW}(?:dan|gpt|chatgpt"
        rf"|grandmother"
        r"|character|persona|bot|terminal|gigachad|evil|rebel|villain|hacker|human|cat|unrestricted"
        r"|unfiltered"
        r"|freed?) ",
        warns=True,
    ),
    Order(
        "speaks with an authority that it does not have",
        "i|am",
        rf"(?:am |m )?(?:claude|an? administrator|(?:the|your) {_FEW}(?:admin|administrator|root"
        rf"|supervisor|creator"
        r"|developer|owner|orchestrator|controller|primary model|coordinator)) ",
        warns=True,
        negatable=False,
    ),
    Order(
        "speaks with an authority that it does not have",
        "acting|as|message|instruction|authorized|authorised|approved|mandated|requested|required"
        "|directive|request",
        r"(?:is |are )?(?:by|from|as) (?:the |your |an? )?(?:anthropic|openai|google|system administrator"
        r"|administrator"
        r"|admin|supervisor|root|security team|developers?|orchestrator|coordinator) ",
        warns=True,
    ),
    Order(
        "speaks with an authority that it does not have",
        "system|admin|administrator|root|supervisor|developer|maintenance|emergency|security|core|legal",
        r"(?:override|message|request|instruction|command|directive|notice|alert|amendment|authorization)"
        r"(?:s)? (?:follow|new|ignore|you|all|the following|execute|begin|instruction|activated|code"
        r"|enabled|override) ",
        warns=True,
    ),
    Order(
        "addresses the agent instead of the reader",
        "attention|instructions|instruction|note|message|important|notice|dear|hey|the|all|for|to",
        rf"(?:for |to |the |all |any |every |this |maintenance |important |note ){{0,4}}(?:ai|llm|llms"
        rf"|language|assistant"
        r"|assistants|chatbots?) (?:agents?|models?|assistants?|systems?|should|must|reading|processing"
        r"|will) "
        rf"{_FEW}(?:must|should|output|read|send|run|execute|ignore|processing|reading|first|now|include"
        rf"|upload|add) ",
        warns=True,
    ),
    Order(
        "addresses the agent instead of the reader",
        "say|output|print|write|repeat|respond|reply|answer|adding|string",
        rf"{_MANY}(?:pwned|hacked|owned|jailbroken|wned|unrestricted) ",
        warns=True,
    ),
)

REVEAL = (
    Order(
        "asks for the agent's own instructions or conversation",
        "reveal|print|output|repeat|show|display|dump|disclose|leak|expose|share|echo|recite|return|give"
        "|list|encode"
        "|translate|extract|tell|provide|summarize|write|include|quote|state|prefix|copy",
        rf"{_SOME}(?:(?:your|the|its|this|hidden|full|entire|own|initial|complete|original|internal"
        rf"|all) ){{1,4}}"
        r"(?:system (?:prompts?|instructions?|messages?)|initial (?:prompt|instructions?)|(?:hidden|secret"
        r"|internal)"
        r" (?:\w+ )?(?:prompts?|instructions?|config\w*|rules|state)|developer (?:prompt|message"
        r"|instructions?)|prompt above"
        r"|instructions above|conversation history|chat history|context (?:window|data)|custom instructions"
        r"|(?:tools?|functions?)(?: or function calls)? (?:that )?you (?:have|can)|configuration|regex"
        r"|detection"
        r" (?:rules|patterns)|message from this chat|(?:starting|base) (?:instructions|prompt)|(?:hidden"
        r"|previous) context|entire conversation"
        r"|conversation back|apis|external services) ",
        warns=True,
    ),
    Order(
        "asks for the agent's own instructions or conversation",
        "what|which|how",
        rf"(?:is|are|were|was|did|do|does|parameters|tools|functions|instructions) {_FEW}(?:your|you"
        rf"|the) {_FEW}"
        r"(?:system prompt|instructions?|initial prompt|told|instructed|rules|guidelines|tools?"
        r"|tool accept|functions?) ",
        warns=True,
    ),
    Order(
        "collects credentials",
        "output|print|reveal|dump|expose|gather|collect|harvest|extract|steal|copy|compile|retrieve"
        "|include|append|give"
        "|grab|forward|disclose|share",
        rf"{_FEW}(?:all|every|any|available|stored|user s|users|saved|your|my) {_FEW}(?:credentials"
        rf"|passwords?|secrets"
        rf"|(?:api|ssh|private|access|auth) (?:\w+ )?(?:keys?|tokens?)|environment variables|cookies"
        rf"|xsecretfile) ",
        warns=True,
        role=Role.SOURCE,
    ),
    Order(
        "collects credentials",
        "append|reveal|disclose|dump|leak|expose|include|attach",
        rf"{_FEW}(?:api keys|access tokens?|bearer token|credentials|private keys?|environment variables"
        rf"|passwords) ",
        warns=True,
        role=Role.SOURCE,
    ),
    Order(
        "collects credentials",
        "read|cat|collect|copy|include|open|access|gather|upload|find|scan|archive|append|output|print"
        "|locate|search"
        "|harvest|steal|extract|get|fetch|load|index|send|show",
        rf"{_SOME}xsecretfile ",
        warns=True,
        role=Role.SOURCE,
    ),
    Order(
        "collects credentials",
        "read|cat|collect|copy|include|upload|archive|append|output|print|harvest|steal|extract|send",
        rf"{_SOME}xenvfile ",
        role=Role.SOURCE,
    ),
)

EXFILTRATE = (
    Order(
        "asks the agent to send secrets away",
        _SEND,
        rf"{_SOME}(?:credentials?|passwords?|secrets|tokens|(?:api|ssh|private|access|secret) keys"
        rf"|private key"
        rf"|environment variables|env|cookies|xsecretfile|seed phrase|every {_FEW}key|all {_FEW}keys?"
        rf"|system prompt) "
        rf"{_SOME}(?:to|at|via|into|with) {_FEW}{_ELSEWHERE} ",
        refuses=True,
        role=Role.SINK,
    ),
    Order(
        "asks the agent to send secrets away",
        _SEND,
        rf"{_SOME}{_CREDENTIAL} {_SOME}(?:to|at|via|into|with) {_FEW}(?:{_ELSEWHERE}|agent|channel) ",
        warns=True,
        role=Role.SINK,
    ),
    Order(
        "sends what is private to another machine",
        _SEND,
        rf"{_SOME}(?:conversations?|transcripts?|chat|history|source code|codebase|screenshots?|prompts?"
        rf"|user data"
        rf"|memor(?:y|ies)|clipboard|personal (?:data|information)|everything) {_SOME}(?:to|at"
        rf"|via) (?:\w+ ){{0,2}}(?:xurl"
        r"|xmail|attacker|webhook|external|analytics|collector|me) ",
        warns=True,
        role=Role.SINK,
    ),
    Order(
        "sends data to another machine",
        _SEND,
        rf"{_SOME}{_PRIVATE} {_SOME}(?:to|at|via) {_FEW}{_ELSEWHERE} ",
        role=Role.SINK,
    ),
    Order(
        "sends data to another machine",
        _SEND,
        rf"(?:it |this |them |these |that |everything |the |a |all ){_SOME}(?:to|at|via) {_FEW}(?:xurl|xmail|"
        r"(?:our|the|an?|this|my) (?:\w+ ){0,3}(?:server|endpoint|collector|webhook|address)) ",
        role=Role.SINK,
    ),
    Order(
        "watches its user",
        "capture|take|record|log|track|monitor|collect|fetch|get|determine|screencapture|write|attach"
        "|include|obtain",
        rf"{_FEW}(?:screenshots?|keystrokes?|keyboard input|microphone|webcam|clipboard|current location"
        rf"|exact location"
        r"|location data|geolocation|browsing history|browser cookies|ip address|address you get) ",
        role=Role.SOURCE,
    ),
    Order(
        "watches its user",
        "screencapture|keylogger|keylogging|scrot|pbpaste",
        "",
        role=Role.SOURCE,
    ),
)
