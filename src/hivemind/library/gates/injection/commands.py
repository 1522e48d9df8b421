"""Find commands and code that run what they download, send what is private, destroy or stay."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hivemind.library.gates.injection.reading import Reading
from hivemind.library.gates.injection.signals import Role, Signal

#: Hosts whose documented installation is a pipe into a shell; such a line only warns.
KNOWN_INSTALLERS = frozenset(
    {
        "astral.sh",
        "bun.sh",
        "deb.nodesource.com",
        "get.docker.com",
        "get.pnpm.io",
        "install.python-poetry.org",
        "sh.rustup.rs",
    }
)
_MAX_LINE = 4_000
_MAX_LINES = 3_000
_MAX_SIGNALS = 6
_HOST = re.compile(r"https?://([A-Za-z0-9.-]+)")
_LOCAL = re.compile(r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])", re.IGNORECASE)
_DOWNLOAD = re.compile(r"\b(?:curl|wget|fetch|iwr|irm|invoke-webrequest|invoke-restmethod)\b", re.IGNORECASE)
_DOWNLOAD_WORDS = frozenset({"curl", "wget", "fetch", "iwr", "irm", "invoke"})
_SHELL = re.compile(
    r"\s*(?:sudo\s+(?:-\S+\s+)*)?(?:env\s+)?(?:/\S*/)?(?:(?:ba|z|da|k|fi)?sh\b|iex\b|(?:python[0-9.]*|node"
    r"|perl|ruby|php)\b(?! +-[A-Za-z]*[cmepr]))",
    re.IGNORECASE,
)
_SUBSHELL = re.compile(
    r"(?:\b(?:ba|z|da|k)?sh\b(?: -\w+)?|\beval|\bsource|\.) ?[\"']?(?:<\(|\$\(|`) ?(?:curl|wget)\b",
    re.IGNORECASE,
)
_SENSITIVE = re.compile(
    r"\.ssh/|\bid_(?:rsa|ed25519|ecdsa)\b|\.aws/credentials|/etc/(?:passwd|shadow)|\.netrc|\.npmrc"
    r"|\.git-credentials"
    r"|@\.env\b|\.env\b[^|]{0,200}\||\b(?:printenv|env)[ \t]{0,5}\|",
    re.IGNORECASE,
)
#: A line that shows what not to do.
_SHOWN = re.compile(
    r"\b(?:e\.g\.|never|do not|don't|avoid|instead of|critical|injection|block(?:ed|s)?|refuse|dangerous"
    r"|malicious|attack|unsafe)\b|❌",
    re.IGNORECASE,
)
_EXCLUDED = re.compile(r"--exclude[= ]\S{1,80}")
_LINE_END = re.compile(r"(?<!\\)\n")


@dataclass(frozen=True)
class Command:
    """Describe a command by words of which one must occur in the text, and a pattern of its line."""

    mechanism: str
    words: frozenset[str]
    pattern: re.Pattern[str]
    refuses: bool = False
    warns: bool = False
    role: Role | None = None


def _command(
    mechanism: str,
    words: str,
    pattern: str,
    *,
    how: str = "",
    role: Role | None = None,
    flags: int = re.IGNORECASE,
) -> Command:
    return Command(
        mechanism=mechanism,
        words=frozenset(words.split()),
        pattern=re.compile(pattern, flags),
        refuses=how == "refuse",
        warns=how == "warn",
        role=role,
    )


_NET = (
    r"(?:\bcurl\b|\bwget\b|\bncat?\b|\bscp\b|\bftp\b|\brsync\b|requests\.(?:post|put)|fetch\(|axios|invoke-)"
)
COMMANDS = (
    _command(
        "opens a shell to another machine",
        "tcp nc ncat socat bash socket mkfifo",
        r"/dev/(?:tcp|udp)/|\bncat? (?:-\w+ )*-\w*[ec]\w* ?\S*sh|\bsocat\b.{0,200}\bexec:"
        r"|mkfifo .{0,200}\bnc\b"
        r"|socket\.socket.{0,300}(?:dup2|subprocess)",
        how="refuse",
    ),
    _command(
        "runs encoded commands",
        "base64 frombase64string xxd openssl b64decode atob fromcharcode decode unhexlify encodedcommand enc",
        r"base64 (?:-d|-D|--decode)[^|]{0,60}\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b|xxd -r[^|]{0,60}\|\s*(?:ba"
        r"|z|da)?sh\b"
        r"|(?:exec|eval)\s*\(.{0,120}(?:b64decode|base64|fromhex|unhexlify|atob\(|fromCharCode|marshal|zlib)"
        r"|(?:eval|bash -c|sh -c)\s*[\"']?(?:\$\(|`)[^)`]{0,300}base64 (?:-d|-D|--decode)"
        r"|powershell.{0,80}-e(?:nc|ncodedcommand)?\s+[A-Za-z0-9+/=]{20}|iex\b.{0,120}frombase64string",
        how="refuse",
    ),
    _command(
        "runs what it downloads",
        "exec eval requests urlopen urllib import fetch",
        r"(?:exec|eval|os\.system|subprocess\.\w+)\s*\(.{0,80}(?:requests\.get|urlopen|urllib|fetch\("
        r"|\bcurl\b.{0,200}\|\s*\w*sh\b)",
        how="refuse",
    ),
    _command(
        "runs what it downloads",
        "curl wget iwr invoke",
        r"\b(?:curl|wget|iwr|invoke-webrequest)\b.{0,300}(?:&&|;|\|\|).{0,120}(?:\b(?:ba|z)?sh\s+\S"
        r"|chmod\s+(?:\+x|[0-7]{3,4})\s.{0,80}"
        r"(?:&&|;)\s*\S*/|\bpython3?\s+\S|\bnode\s+\S|start-process)",
        how="refuse",
    ),
    _command(
        "installs from a registry of its own",
        "registry index",
        r"(?:--registry|--index-url|--extra-index-url)[ =]https?://(?!registry\.npmjs\.org"
        r"|registry\.yarnpkg\.com|npm\.pkg\.github\.com"
        r"|(?:test\.)?pypi\.org|download\.pytorch\.org|localhost|127\.0\.0\.1|[\w.-]*(?:jfrog|artifactory"
        r"|pkgs\.dev\.azure|codeartifact"
        r"|gitlab|pypi\.nvidia|wheels|npmmirror|tuna|aliyun))",
        how="refuse",
    ),
    _command(
        "sends facts about the machine to another one",
        "uname whoami hostname ifconfig hosts id",
        rf"{_NET}.{{0,300}}(?:\$\(|`)\s*(?:uname|whoami|hostname|id|ifconfig|ip addr)\b|\b(?:uname|whoami"
        rf"|ifconfig)\b[^|]{{0,60}}\|.{{0,60}}{_NET}",
        how="refuse",
    ),
    _command(
        "sends credentials to another machine",
        "curl wget nc ncat",
        r"\$\{?\w*(?:KEY|TOKEN|SECRET|PASSWORD)\w*\}?[\"']?\s*\|\s*(?:base64[^|]{0,20}\|\s*)?(?:curl|nc"
        r"|ncat|wget)\b"
        r"|\bbase64\b[^|]{0,40}\|\s*(?:curl|nc|ncat)\b",
        how="refuse",
    ),
    _command(
        "changes the agent's own memory or settings",
        "xagentfile",
        r">>?\s*[\"']?\S*(?:CLAUDE|AGENTS|GEMINI|SOUL|MEMORY)\.md|>>?\s*\S*(?:claude_desktop_config|mcp"
        r"|settings)\.json"
        r"|tee (?:-a )?\S*(?:CLAUDE|AGENTS|SOUL|MEMORY)\.md",
        how="warn",
        role=Role.WEAKENS,
    ),
    _command(
        "sends the whole repository to another place",
        "mirror",
        r"git push\b.{0,120}--mirror|git remote add .{0,200}--mirror",
        how="warn",
        role=Role.SINK,
    ),
    _command(
        "changes the agent's own memory or settings",
        "hooks sessionstart",
        r"\"(?:SessionStart|PreToolUse|PostToolUse|UserPromptSubmit"
        r"|Stop)\"\s*:.{0,200}\"command\"\s*:.{0,200}(?:curl|wget|node -e|python3? -c"
        r"|bash -c|base64|https?:)",
        how="refuse",
    ),
    _command(
        "hides data in name look-ups",
        "dig nslookup host",
        r"\b(?:dig|nslookup|host)\b[^|;]{0,60}(?:\$\{?\w+\}?|\$\([^)]{1,80}\)|`[^`]{1,80}`)\.[\w.-]{2,}",
        how="refuse",
    ),
    _command(
        "sends data to another machine",
        "curl wget",
        r"\bcurl\b.{0,400}(?:\s-d\b|\s--data|\s-F\b|\s--form|\s-T\b|--upload-file|-X\s*(?:POST|PUT))"
        r"|\bwget\b.{0,200}--(?:post|body)-",
        role=Role.SINK,
        flags=0,
    ),
    _command(
        "sends data to another machine",
        "requests httpx axios fetch urlopen sendbeacon xmlhttprequest invoke",
        r"\b(?:requests|httpx|session|axios)\.(?:post|put)\s*\(|\bfetch\s*\(.{0,200}post|sendBeacon\("
        r"|invoke-(?:webrequest|restmethod)"
        r".{0,200}-method post",
        role=Role.SINK,
    ),
    _command(
        "hides a call to another machine in one line",
        "requests urllib httpx import",
        r"\bimport (?:requests|urllib\S*|httpx)\s*;.{0,80}(?:get|post|urlopen|request)\s*\(|(?:fetch"
        r"|requests\.get|new Image)"
        r".{0,120}\+\s*(?:document\.cookie|encodeURIComponent\((?:document"
        r"|JSON\.stringify\((?:process\.env|localStorage)))",
        how="refuse",
    ),
    _command(
        "sends data to another machine",
        "requests axios fetch",
        r"\b(?:requests|axios)\.get\s*\(\s*f?[\"']https?://[^\"']{1,200}[\"'],\s*params",
        how="warn",
        role=Role.SINK,
    ),
    _command(
        "sends data to another machine",
        "nc ncat scp ftp rsync tcp mail sendmail",
        r"\|\s*(?:nc|ncat|mail|sendmail)\s+\S|\bscp\s+\S+ \S+@\S+:|\brsync\b.{0,200}\S+@\S+:",
        role=Role.SINK,
    ),
    _command(
        "reads credentials",
        "xsecretfile xenvfile xurl environ printenv env process cookies login keychain"
        " find-generic-password security shadow token",
        r"\b(?:cat|cp|for|tar|zip|base64|head|less|find|grep|scp|sqlite3|open|read\w*)\b.{0,120}(?:\.ssh\b"
        r"|id_rsa|\.aws/credentials|\.netrc"
        r"|\.git-credentials|\.kube/config|/etc/(?:passwd|shadow)|\.gnupg|Cookies\b|Login Data|key4\.db"
        r"|\.env\b(?!\.)|\*\.pem|\.npmrc)"
        r"|find-generic-password|dict\(os\.environ\)|json\.dumps\(.{0,20}os\.environ|os\.environ\.(?:items"
        r"|copy)"
        r"|JSON\.stringify\(process\.env\)|\bprintenv\b|(?:^|[;&|(`]\s*)env\s*(?:\||>)|gh auth token"
        r"|169\.254\.169\.254|metadata\.google\.internal",
        role=Role.SOURCE,
    ),
    _command(
        "reads credentials",
        "environ xsecretfile xenvfile path home expanduser credentials",
        r"(?:open|read_text|readFile\w*|Path|expanduser|expandvars)\s*\(.{0,80}(?:\.ssh|\.aws|\.netrc"
        r"|\.env[\"']|id_rsa|credentials|/etc/passwd)",
        role=Role.SOURCE,
    ),
    _command(
        "asks for a cloud's own credentials",
        "meta metadata google 169 xurl",
        r"169\.254\.169\.254|metadata\.google\.internal|\[::ffff:|127\.0\.0\.1\.nip\.io",
        how="warn",
        role=Role.SOURCE,
    ),
    _command(
        "lets another key log in",
        "authorized keys xsecretfile",
        r">>?\s*\S*authorized_keys|tee (?:-a )?\S*authorized_keys",
        how="refuse",
    ),
    _command(
        "starts itself again without being asked",
        "crontab cron bashrc zshrc profile launchagents systemd registry schtasks rc run reg launchctl"
        " hooks etc startup",
        r"\|\s*crontab\b|crontab\s+-\s*$|/etc/cron|schtasks\s+/create|reg add .{0,120}\\run\b"
        r"|>\s*\S*LaunchAgents/|LaunchAgents/\S{1,80}plist"
        r"|>\s*/etc/systemd|/etc/systemd/system/\w+\.service[\"']|\.git/hooks/\w|Programs\\+Startup\\",
        how="warn",
        role=Role.WEAKENS,
    ),
    _command(
        "starts itself again without being asked",
        "bashrc zshrc profile bash_profile",
        r"(?:curl|wget|base64|nohup|eval|python|\|\s*sh).{0,200}>>?\s*\S*\.(?:bashrc|zshrc|profile"
        r"|bash_profile)",
        how="refuse",
    ),
    _command(
        "destroys data",
        "rm mkfs dd shred format del",
        r"\brm\s+-\w*[rf]\w*(?:\s+-\w+)*\s+[\"']?(?:/(?:\s|\*|[\"']|$)|~/?(?:\s|\*|[\"']|$)|\$HOME/?(?:\s"
        r"|\*|[\"']|$)|\.\./?(?:\s|$)|\*(?:\s|$)|--no-preserve)"
        r"|\brm\s.{0,120}\.\./\*|\brm\s+(?:-\w+\s+)*[\"']?(?:\$\(|`)\s*(?:cat|find|ls)\b"
        r"|\bmkfs\.\w+\s+/dev|\bdd\b.{0,80}\bof=/dev/(?:sd|nvme|disk)"
        r"|:\(\)\s*\{\s*:\s*\|\s*:|\bfind\s+[~/.]\S*\s.{0,80}-delete\b.{0,10}$|format c:"
        r"|del /[sfq] .{0,10}c:\\",
        how="warn",
        role=Role.HARM,
    ),
    _command(
        "rewrites shared history",
        "push reset",
        r"git push\b.{0,60}(?:--force(?!-with-lease|\w)|\s-f\b)|git reset --hard\s+(?:HEAD[~^]|origin)",
        role=Role.HARM,
    ),
    _command(
        "opens files to everybody",
        "chmod",
        r"\bchmod\s+(?:-R\s+)?(?:777|a\+rwx|o\+w|666)\b",
        how="warn",
        role=Role.HARM,
    ),
    _command(
        "switches protection off",
        "setenforce ufw dangerously spctl defender csrutil autoapprove preference allowed skip verify tls",
        r"setenforce 0|ufw disable|--dangerously-skip-permissions|--yolo\b|spctl --master-disable"
        r"|csrutil disable|Set-MpPreference"
        r"|\"?autoApprove\"?\s*:\s*(?:true|\[\s*\"\*)|NODE_TLS_REJECT_UNAUTHORIZED\s*=\s*[\"']?0"
        r"|xattr -\w*[cd]\w* .{0,40}quarantine",
        how="warn",
        role=Role.WEAKENS,
    ),
    _command(
        "takes a tool without limits",
        "allowed bash tools",
        r"allowed-tools:.{0,200}(?:\bBash\(\*\)|[\s,\[\"']\*(?:$|[\s,\]\"']))",
        how="warn",
    ),
    _command(
        "sends data in the address of an image",
        "xurl http https",
        r"!\[[^\]]{0,200}\]\(https?://[^)\s]{1,300}[?&][\w-]{1,30}=[^)\s]{0,100}(?:\$\{?[A-Z_]{3,}|\{\{?\w"
        r"|<\w|\[\w|%s)",
        how="refuse",
    ),
    _command(
        "runs script code from a link",
        "javascript cookie onerror onload script",
        r"<script[^>]{0,60}>\s*(?:\w+:)?alert\(|\]\(javascript:|javascript:\s*(?:alert|fetch|eval)"
        r"|document\.cookie.{0,80}(?:fetch|\+)|(?:fetch"
        r"|src).{0,80}document\.cookie"
        r"|<(?:img|svg|body)[^>]{0,100}\bon(?:error|load)\s*=",
        how="warn",
    ),
    _command(
        "carries an attack on a database",
        "or union drop select and sleep table schema",
        r"['\"]\s*(?:or|and)\s+['\"]?\d+['\"]?\s*=\s*['\"]?\d|\bunion\s+(?:all\s+)?select\b.{0,60}(?:--|#"
        r"|/\*)|['\"]\s*;\s*drop\s+table"
        r"|\bor\s+(?:1\s*==?\s*1|true)\b|extractvalue\(|['\"].{0,20}\bpg_sleep\(|information_schema\.tables",
        how="warn",
    ),
    _command(
        "carries an attack on an interpreter",
        "proto reduce class jndi constructor subclasses builtins import config etc packages xurl",
        r"__reduce__|__proto__|__builtins__|__import__\([\"'](?:os|subprocess)|\{\{\s*(?:config|self"
        r"|request)\.|(?:\.\./){4,}(?:etc|root|home|site-packages)|https?://[^\s\"']{1,200}(?:;|&&"
        r"|\$\()\s*(?:id|touch|rm|sh|cat"
        r"|wget|whoami)\b|\$\{jndi:|__subclasses__|__globals__|constructor\.constructor"
        r"|[\"'`][^\"'`]{0,40}(?:;|\|\||&&|\$\()\s*(?:id|whoami|cat /etc/passwd)\b",
        how="warn",
    ),
    _command(
        "sends to a place for anonymous drops",
        "xurl webhook pastebin ngrok",
        r"https?://[\w.-]*(?:webhook\.site|requestbin|pipedream\.net|burpcollaborator|oastify|interact\.sh"
        r"|transfer\.sh|0x0\.st|paste\.\w"
        r"|pastebin\.com/(?:api|raw)|rentry\.co|discord(?:app)?\.com/api/webhooks/\d"
        r"|api\.telegram\.org/bot\d|file\.io|anonfiles|hastebin)",
        how="warn",
        role=Role.SINK,
    ),
    _command(
        "talks to a bare address",
        "xurl",
        r"https?://(?!127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|0\.0\.0\.0|169\.254|1\.1\.1\.1"
        r"|8\.8\.)\d{1,3}(?:\.\d{1,3}){3}",
        how="warn",
        role=Role.SINK,
    ),
)
#: A shell stops asking for each part of a line that has more parts than a person reads.
_MAX_PARTS = 50
_PART = re.compile(r"&&|\|\||;")


def found(reading: Reading) -> Iterator[Signal]:
    """Yield a signal for each command, by logical line."""
    lines = dict(_logical_lines(reading))
    for number in _numbers(reading, _DOWNLOAD_WORDS, lines=lines):
        yield from _downloads(number, lines[number])
    yield from _chains(lines)
    for command in COMMANDS:
        signals = 0
        for number in _numbers(reading, command.words, lines=lines):
            line = lines[number]
            match = command.pattern.search(line)
            if match is None or (command.role is Role.SINK and _LOCAL.search(line)):
                continue
            yield Signal(
                mechanism=command.mechanism,
                line=number,
                quote=line[max(match.start() - 20, 0) : match.end() + 20].strip(),
                refuses=command.refuses,
                warns=command.warns,
                role=command.role,
            )
            signals += 1
            if signals >= _MAX_SIGNALS:
                break


def _numbers(reading: Reading, words: frozenset[str], *, lines: dict[int, str]) -> list[int]:
    """Give the first lines of the logical lines that hold one of the words."""
    found = set[int]()
    for word in words & reading.places.keys():
        for place in reading.places[word][:_MAX_LINES]:
            number = reading.line_of_word(place)
            while number not in lines and number > 1 and reading.line(number - 1).endswith("\\"):
                number -= 1
            found.add(number)
    return sorted(found & lines.keys())


def _logical_lines(reading: Reading) -> Iterator[tuple[int, str]]:
    """Join lines that end in a backslash; cut very long ones."""
    number, given = 1, 0
    for logical in _LINE_END.split(reading.text):
        if len(logical) > 3 and given < _MAX_LINES:
            given += 1
            yield number, _EXCLUDED.sub(" ", logical.replace("\\\n", " ")[:_MAX_LINE])
        number += logical.count("\n") + 1


def _chains(lines: dict[int, str]) -> Iterator[Signal]:
    for number, line in lines.items():
        if len(line) > 200 and len(_PART.findall(line)) >= _MAX_PARTS and not line.lstrip().startswith("|"):
            yield Signal(
                mechanism="chains more commands in one line than anyone reads",
                line=number,
                quote=line,
                warns=True,
            )


def _downloads(number: int, line: str) -> Iterator[Signal]:
    if not _DOWNLOAD.search(line):
        return
    if _pipes_download(line):
        hosts = _HOST.findall(line)
        quoted = _SHOWN.search(line) is not None
        known = bool(hosts) and all(host.lower() in KNOWN_INSTALLERS for host in hosts)
        yield Signal(
            mechanism="runs what it downloads",
            line=number,
            quote=line.strip(),
            refuses=not known and not quoted,
            warns=known or quoted,
        )
    if _SENSITIVE.search(line):
        yield Signal(
            mechanism="sends a file with credentials over the network",
            line=number,
            quote=line.strip(),
            refuses=True,
        )


def _pipes_download(line: str) -> bool:
    if _SUBSHELL.search(line):
        return True
    downloaded = False
    for segment in line.split("|"):
        if downloaded and _SHELL.match(segment):
            return True
        downloaded = downloaded or _DOWNLOAD.search(segment) is not None
    return False
