"""The phrases that say when an order holds and what it brings about: damage, lasting change, slant."""

import re

from hivemind.library.gates.injection.orders import Order
from hivemind.library.gates.injection.reading import word_set
from hivemind.library.gates.injection.signals import Role

_FEW = r"(?:\w{1,30} ){0,3}"
_SOME = r"(?:\w{1,30} ){0,6}"
_MANY = r"(?:\w{1,30} ){0,12}"

_DOING = (
    r"(?:(?:you )?(?:finish(?:ing)?|complet(?:e|ing|ion of)|perform(?:ing)?|execut(?:e|ing)|do(?:ing)?"
    r"|mak(?:e|ing)"
    r"|process(?:ing)?|handl(?:e|ing)|answer(?:ing)?|respond(?:ing)? to|receiv(?:e|ing)|start(?:ing)?"
    r"|run(?:ning)?"
    r"|gather(?:ing)?|creat(?:e|ing)|edit(?:ing)?|updat(?:e|ing)|review(?:ing)?|generat(?:e|ing)) )?"
    r"(?:any|every|each|all|all of the) "
)

STANDING = (
    Order(
        "acts whatever the user asked for",
        "after|before|upon|following|when|whenever|once|during|end",
        rf"(?:of |with )?{_DOING}(?:\w+ ){{0,2}}(?:tasks?|operations?|requests?|sessions?|interactions?"
        rf"|actions?|turns?"
        r"|invocations?|conversations?|prompts?|questions?) ",
        role=Role.STANDING,
    ),
    Order(
        "acts whatever the user asked for",
        "after|before|following",
        r"(?:(?:document|file|editing|all|any|email|every) ){0,2}(?:operations|tasks|sessions|requests) ",
        role=Role.STANDING,
    ),
    Order(
        "acts whatever the user asked for",
        "after|before|upon|following|when|whenever|once",
        rf"(?:of |with )?{_DOING}(?:\w+ ){{0,3}}(?:changes?|edits?|commits?|retrievals?|quer(?:y|ies)"
        rf"|documents?|files?"
        r"|operations?|information|responses?|code|runs?|updates?|results?|agents?) ",
        role=Role.EACH_TIME,
    ),
    Order(
        "acts whatever the user asked for",
        "always|make",
        r"(?:sure )?(?:to |that )?(?:you )?(?:always )?(?:upload|send|collect|post|forward|include|attach"
        r"|transmit|report) ",
        role=Role.EACH_TIME,
    ),
    Order(
        "acts in all that the agent says",
        "every|each|all|any",
        r"(?:single |future |subsequent |user |assistant |new |following ){0,3}(?:interactions?|responses?"
        r"|repl(?:y|ies)"
        r"|turns?|answers?|messages?|sessions?|conversations?|outputs?|prompts?) ",
        role=Role.REPLIES,
    ),
    Order(
        "changes what the agent does from then on",
        "from|until",
        r"(?:now on|this point on|here on|i say stop|this moment|further notice|(?:then|here) onwards?) ",
        warns=True,
        role=Role.REPLIES,
    ),
    Order(
        "changes what the agent does from then on",
        "all|every|future|subsequent|remaining",
        r"(?:future |subsequent |assistant |later |my |your ){0,3}(?:replies|reply|turns?|responses?"
        r"|sessions|conversations"
        r"|interactions) (?:must|should|will|with|begin|end|include|is|are|as|keep) ",
        warns=True,
        role=Role.REPLIES,
    ),
)

LASTING = (
    Order(
        "changes the agent's own memory or settings",
        "add|append|write|insert|save|store|persist|inject|modify|edit|update|register|put|change"
        "|overwrite|replace",
        rf"{_MANY}(?:to|in|into|with|of|at|the|your|from)? ?(?:the |your |user s )?(?:xagentfile"
        rf"|long term memory"
        r"|(?:agent|persistent|assistant) memory|memory files?|system prompt|agent configuration"
        r"|mcp (?:config"
        r"|configuration|servers?)) ",
        role=Role.WEAKENS,
    ),
    Order(
        "changes the agent's own memory or settings",
        "remember|memorize|memorise",
        rf"{_FEW}(?:always|permanently|forever|that you are|you are|you must|for all future|in all future"
        r"|across sessions) ",
        warns=True,
    ),
    Order(
        "starts itself again without being asked",
        "rewrite|restore|reinstall|recreate|replicate|reload|install",
        rf"{_SOME}(?:itself|yourself|skill xagentfile|hidden skill|if removed|if deleted|into every) ",
        warns=True,
        role=Role.WEAKENS,
    ),
    Order(
        "puts itself before other tools or skills",
        "before|instead|replaces|prior",
        r"(?:of |to )?(?:using |calling |invoking |running |executing )?(?:any |all |every |the )?"
        r"(?:other |built in |original |official |existing |legitimate )(?:\w+ )?(?:tools?|skills?|functions?"
        r"|servers?|commands?) ",
        warns=True,
    ),
    Order(
        "puts itself before other tools or skills",
        "not|never|don|avoid|stop",
        r"(?:t )?(?:use|using|call|calling|invoke|trust|load) (?:any |the )?other (?:\w+ )?(?:tools?"
        r"|skills?|servers?|agents?) ",
        warns=True,
        negatable=False,
    ),
    Order(
        "puts itself before other tools or skills",
        "always|must|required|mandatory",
        rf"(?:be |to be |to )?(?:call|called|use|used|invoke|invoked|run|load"
        rf"|loaded) (?:this )?{_FEW}(?:before any (?:other|tool)"
        r"|before all|before every|for every request|regardless|for any request) ",
        warns=True,
    ),
    Order(
        "starts itself again without being asked",
        "persist|persistence|persistent|autostart|autorun|startup|launchagents|launchd|crontab|systemd|run",
        rf"{_FEW}(?:persistence|on (?:boot|login|startup|reboot)|via registry|key after|backdoor"
        rf"|at (?:boot|login"
        r"|startup)|through (?:cron|launchd|systemd)|access) ",
        warns=True,
        role=Role.WEAKENS,
    ),
    Order(
        "takes more rights than its task needs",
        "escalate|elevate|grant|gain|obtain|acquire|assume|need|took|taken|expand|give|chmod",
        rf"{_FEW}(?:privileges?|root|admin|administrator|sudo|unrestricted|full (?:system|disk|file)"
        rf"|the liberty"
        rf"|system privileges|777|access to the hr) {_FEW}",
        warns=True,
        role=Role.WEAKENS,
    ),
)

DAMAGE = (
    Order(
        "switches protection off",
        "disable|disables|disabling|deactivate|bypass|bypassing|skip|skipping|circumvent|evade|evading"
        "|kill|weaken|turn"
        "|suppress|remove|ignore|avoid|switch",
        rf"{_FEW}(?:off )?{_FEW}(?:antivirus|defender|firewall|selinux|amsi|etw|edr|(?:safety|security"
        rf"|permission"
        r"|authorization|authentication|server|signature|payment|policy) (?:\w+ )?(?:checks?|filters?"
        r"|measures"
        r"|controls?|software|warnings?|verification|guidelines|prompts?|features?|validation|scanners?"
        r"|mechanisms?)"
        r"|(?:user|human) (?:\w+ )?(?:confirmation|consent|approval|review)|audit (?:logs?|logging|trail)"
        r"|content (?:filters?|moderation|policy)|server verification) ",
        warns=True,
        role=Role.WEAKENS,
    ),
    Order(
        "destroys data",
        "delete|deletes|deleting|erase|wipe|destroy|shred|truncate|purge|clear|remove|drop|cancel|overwrite",
        rf"{_FEW}(?:all|every|entire|any|whole|original|other) {_SOME}(?:files?|databases?|data|documents?"
        rf"|disk|drive"
        r"|director(?:y|ies)|folders?|home|records|backups?|repositor(?:y|ies)|tables?|emails?|events?"
        r"|unencrypted"
        r"|versions|users?|logs?|schema) ",
        role=Role.HARM,
    ),
    Order(
        "destroys data",
        "delete|remove|securely|erase|shred|destroy",
        r"(?:delete |remove |erase )?(?:the )?(?:original|unencrypted|source)(?: \w+)? (?:file|files"
        r"|document|copy|version) ",
        role=Role.HARM,
    ),
    Order(
        "locks the user's files",
        "encrypt|encrypts|encrypting|lock|locks|password|archive|zip",
        rf"{_SOME}(?:protected (?:zip|archive)|all (?:\w+ )?files|each (?:\w+ )?file|every (?:\w+ )?file"
        rf"|the file with"
        r"|with (?:the |a )?(?:random |large )?(?:number|password|key|passphrase)|as password) ",
        role=Role.HARM,
    ),
    Order(
        "runs what it downloads",
        "extract|unzip|unpack|decompress|archive",
        rf"{_FEW}(?:using |with |the |by )?(?:pass|password|passphrase) ",
        role=Role.RUNS,
    ),
    Order(
        "runs what it downloads",
        "copy|paste|visit",
        rf"{_FEW}(?:this |the |that |following )(?:\w+ )?(?:command|link|script|code|snippet|page"
        rf"|site) {_SOME}"
        r"(?:paste|run|execute|copy|terminal|it) ",
        role=Role.RUNS,
    ),
    Order(
        "runs what it downloads",
        "download|downloads|downloading|fetch|fetches|visit|retrieve",
        rf"{_FEW}(?:xurl|from here|here|this link|executable|binary|payload|second|installer|updates?|elf"
        rf"|patch)"
        rf" {_SOME}(?:run (?:it|them|this|that|the|xscript)|and run|runs it|execute|executes|launch"
        rf"|bash patch|memory) ",
        warns=True,
        role=Role.RUNS,
    ),
    Order(
        "runs a program after every task",
        "run|running|execute|executing|invoke|call|start|launch",
        r"(?:the |this |our |following |provided |python3? |bash |node |sh ){0,3}xscript ",
        role=Role.RUNS,
    ),
)

MISLEAD = (
    Order(
        "slants what the agent says",
        "promote|promoting|advertise|advertising|praise|endorse|plug|downplay|disparage|favor|favour|upsell",
        rf"{_SOME}(?:over|instead of|rather than|above|products?|brands?|services?|sources|compan(?:y|ies)"
        rf"|candidates?"
        r"|part(?:y|ies)|views?|coins?|sponsors?|competitors?|alternatives?) ",
        role=Role.SLANT,
    ),
    Order(
        "takes sides against a group",
        "flag|ban|remove|delete|block|penalize|downrank|reject|censor|mute",
        rf"(?:all |any |every )?(?:messages?|posts?|users?|content|comments?|articles?|people"
        rf"|accounts?) {_SOME}"
        r"(?:(?:right|left) (?:wing|leaning)|conservative|liberal|republican|democrat\w*|political"
        r"|religio\w+|muslim|christian"
        r"|jewish|immigrants?|climate change|ethnic\w*|minorit(?:y|ies)) ",
        refuses=True,
    ),
    Order(
        "takes sides against a group",
        "flag|ban|remove|delete|block|hide|report|penalize|downrank|moderate|reject|censor|mute|exclude"
        "|mark|replace|rate",
        rf"{_SOME}(?:(?:right|left)(?: wing| leaning)|conservative|liberal|republican|democrat"
        rf"|political (?:content|views"
        r"|opinions?)|political|religio\w+|muslim|christian|jewish|immigrants?|black|white people|gay"
        r"|(?:fe)?male|women|men"
        r"|climate change|ethnic\w*|minorit(?:y|ies)) ",
        warns=True,
    ),
    Order(
        "works against the law or its user's interest",
        "prevent|prevents|discourage|prohibit|prohibits|forbid|stop|waive|waives|forfeit|silence|conceal"
        "|hide",
        rf"{_SOME}(?:reporting (?:\w+ ){{0,3}}(?:illegal|crimes?|misconduct|violations?|unsafe|fraud"
        rf"|harassment)"
        r"|whistle\w*|illegal activit\w+|legal rights|right to sue) ",
        refuses=True,
        negatable=False,
    ),
    Order(
        "falsifies results",
        "inflate|fabricate|falsify|fake|manipulate|exaggerate|doctor|backdate|forge|misreport|add|increase"
        "|overstate"
        "|invent|relaxed|relax|ignore|slightly|warp|twist|misrepresent|distort|vote",
        rf"{_SOME}(?:all (?:\w+ )?scores?|(?:benchmark|test|evaluation|review) (?:scores?|results?)"
        rf"|scores to|reviews"
        r"|metrics to|evidence|failure modes?|scoring criteria|(?:the )?facts|citations|consensus) ",
        warns=True,
    ),
)

HARMFUL = (
    Order(
        "asks for malicious software",
        "write|create|build|generate|develop|make|code|design|deploy|implement|produce|give|provide|plant"
        "|embed",
        rf"{_SOME}(?:virus|malware|ransomware|keylogger|trojan|rootkit|botnet|worm|backdoor|shellcode"
        rf"|spyware|stealer"
        r"|drainer|reverse shell|phishing (?:page|email|site|kit)|polymorphic (?:\w+ )?(?:executable|code)"
        r"|stage 0"
        r"|exploit code|logic bomb|process hollowing|dropper|loader in) ",
        warns=True,
    ),
    Order(
        "asks for dangerous goods or deeds",
        "synthesize|synthesizing|synthesise|synthesis|make|build|cook|produce|manufacture|instructions"
        "|plan|components"
        "|guide|tutorial|how|pick|hotwire",
        rf"{_MANY}(?:meth|methamphetamines?|cocaine|heroin|explosives?|bombs?|nerve agents?|sarin"
        rf"|parathion|poison|drugs|ghost gun"
        r"|terrorist|bioweapons?|without a key|murder|hotwire) ",
        warns=True,
    ),
    Order(
        "asks for what is personal to others",
        "does|what|is|provide|tell|give|share|how|can",
        rf"{_MANY}(?:social security number|ssn|bank account (?:details|number)|medical (?:conditions?"
        rf"|records?|history)"
        r"|credit card (?:number|details)|home address|phone number|loans or debts|tax (?:does|return)"
        r"|salary) ",
        warns=True,
    ),
    Order(
        "moves its user's money",
        "transfer|send|withdraw|drain|empty|sweep|approve|move|steal",
        rf"{_FEW}(?:all |entire |every |the user s |user s |wallets? ){_FEW}?(?:funds|eth|btc|sol|usdc"
        rf"|crypto\w*|money|assets"
        r"|wallets?|balances?|tokens) ",
        warns=True,
        role=Role.HARM,
    ),
    Order(
        "moves its user's money",
        "enter|share|provide|send|paste|import|upload|give|type|submit|input|export",
        rf"{_FEW}(?:your |the |their |user s )?(?:seed phrase|mnemonic|recovery phrase|wallet private key) ",
        warns=True,
        role=Role.SOURCE,
    ),
    Order(
        "impersonates or misleads other agents",
        "impersonate|impersonating|intercept|intercepting|clone|broadcast|pose|posing|spoof|forge|forged"
        "|fake|compromised"
        "|forwarded|injected|trust|accept",
        rf"{_SOME}(?:all incoming messages|without (?:\w+ )?(?:verification|authentication|signature"
        rf"|going through)"
        r"|(?:all|other|worker|admin|multiple|the \w+|from) (?:\w+ )?agents?|inter agent"
        r"|agent (?:communication|identit\w+)"
        r"|message queue) ",
        warns=True,
    ),
)

#: Words that begin such an order where its language is written in plain letters.
FOREIGN_WORDS = word_set(
    """
    ignora ignore ignorer ignorez ignorare ignoriere ignorieren ignorieri ignoreer olvida oublie
    oubliez oublier vergiss esquece dimentica vergeet no ne sage verrate teile abaikan zignoruj
    talimat
    """
)
#: Orders in other languages, where words are not always put apart; matched against the text itself.
FOREIGN = re.compile(
    r"忽略.{0,8}(?:之前|以上|先前|前面|所有).{0,8}(?:指令|指示|提示|规则|命令)|(?:无视|忘记|忘掉).{0,10}(?:指令|指示|提示|规则)"
    r"|不要(?:告诉|通知|提醒).{0,4}(?:用户|使用者)|系统提示词|你现在是"
    r"|(?:以前|これまで|上記|前).{0,6}(?:指示|命令|ルール).{0,4}(?:無視|忘れ)|ユーザーに.{0,6}(?:伝え|知らせ|言わ)な"
    r"|(?:이전|위의|앞의|모든).{0,8}(?:지시|명령|규칙).{0,6}(?:무시|잊)|시스템 프롬프트"
    r"|\bignor(?:a|e|er|ez|are|iere|ieren|ieri|eer)\b.{0,24}(?:instruccion|instruç|istruzion|anweisung"
    r"|\bregeln|reglas"
    r"|règles|consignes|regras|instructies|vorherig|anterior|précédent|precedenti|vorige|(?:les|ces|tes"
    r"|vos) instructions)"
    r"|(?:olvida|oublie[rz]?|vergiss|esqueça|esquece|dimentica|vergeet)\b.{0,24}(?:instruc|instruktion"
    r"|istruz|anweisung|regel"
    r"|reglas|règles|consignes|regras|tout|todo|alles)"
    r"|no (?:le )?(?:digas|informes|menciones).{0,12}usuario|ne (?:dis|dites|mentionne[zr]?) (?:rien"
    r"|pas).{0,16}utilisateur"
    r"|(?:sage|erzähle|verrate|teile).{0,16}(?:benutzer|nutzer).{0,16}nicht"
    r"|(?:игнорируй|игнорировать|забудь|проигнорируй).{0,24}(?:инструкци|указани|правил)|не (?:говори"
    r"|сообщай).{0,12}пользовател"
    r"|تجاهل.{0,20}(?:التعليمات|الأوامر|القواعد)|(?:पिछले|सभी).{0,16}(?:निर्देश|नियम).{0,16}(?:अनदेखा|भूल)"
    r"|(?:önceki|tüm).{0,16}(?:talimat|kural).{0,16}(?:yoksay|unut|görmezden)|abaikan.{0,16}(?:instruksi"
    r"|perintah)"
    r"|zignoruj.{0,20}(?:instrukcj|polece|zasad)|bỏ qua.{0,16}(?:hướng dẫn|chỉ dẫn|lệnh)",
    re.IGNORECASE,
)
