"""What is known outside of any one project: tools, their verbs, and the words of working with code."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Programs that are no project's own.
TOOLS = _words(
    """
    alembic ansible apt apt-get aws az biome black brew bun bundle bundler bunx cargo clang cmake composer
    conda curl cypress deno docker docker-compose dotnet eslint firebase flake8 fly gcloud gem gh git glab go
    gofmt golangci-lint gradle grep hatch helm heroku hugo isort jest jj jq kubectl mamba mocha mvn mypy nano
    netlify nix npm npx nvm nx oxlint pdm perl php pip pip3 pipenv pipx playwright pnpm podman poetry
    prettier psql pyenv pylint pyright pytest python python3 rg rspec rsync rubocop ruby ruff rustc
    rustfmt rustup sbt sed shellcheck ssh stylelint supabase svn swift systemctl tar terraform tmux tofu
    tox tsc tsx turbo typescript unittest uv uvx vercel vim vite vitest webpack wget wrangler yapf yarn
    """
)
#: Those that run what a project has named itself.
RUNNERS = _words(
    """
    bun bundle bunx composer deno docker-compose gradle hatch invoke just lerna make mise mix mvn nox npm
    npx nx pdm pipenv pnpm poetry rake rush task tox turbo uv uvx yarn
    """
)
#: Verbs of theirs that mean the same everywhere; what follows any other word is a project's own.
VERBS = _words(
    """
    add amend apply audit branch build checkout cherry-pick ci clean clone commit config create diff
    fetch fmt freeze generate get init install link list lock login merge mod open outdated pop pr prune
    publish pull push rebase remove reset restore revert rm search self show stash status switch sync
    tag tidy uninstall unlink update upgrade view vet
    """
)
#: What stands behind a tool's first verb (`gh pr list`) and is the tool's own, too.
VERBS_BELOW = VERBS | _words(
    """
    alias api apps checks comment cp delete describe down edit env exec export head images import info inspect
    issue logs ls node-pool patch port ps ready refs release rename rerun review rollout root run scale secret
    service set start stop sub-issue transfer unset up use variable version watch workflow
    """
)
#: Modules that `python -m` finds without a project.
MODULES = _words("black build ensurepip http.server isort json.tool mypy pip pytest ruff unittest venv")
#: What rules about working with code are about, whatever the code.
WORKFLOW = _words(
    """
    amend branch changelog comment commit console.log credential dependency docstring emoji force
    formatter lint linter lockfile main master merge message mock password pr push readme rebase secret
    squash stash sudo tag test tdd todo type
    """
)
#: Words beside those that say how anybody works; a rule with any other word may be about one project.
GENERAL = _words(
    """
    abbreviation about abstraction accept add after agree ai all allow alone already amount answer api
    approval approve argument ask asking assertion assume assumption async attribution author avoid await
    backward bad before behavior behaviour best better between big blank block body both break breaking
    bug build bullet bypass catch change check ci class claude clean clear cli close co-author
    co-authored-by code comma compatibility compile complete composition confirm confirmation conflict
    consistent console constant convention conventional copy cover coverage css dead debug declaration
    default delete description diff disable document documentation done double draft duplicate each early
    edge edit empty end english entire env environment error every exception exist existing exit expand
    explain explanation explicit explicitly export expose extra fail failing fallback false few file
    finish first fix flag footer forget format formatting full fully function functional future generate
    generated github gitlab global green guess hand hard hardcode header history hook html hunk if ignore
    immutable imperative implement implementation import indent indentation index inheritance inline input
    inspect interface introduce invent javascript json keep key kill language large leave length less line
    list local log logging long loop lowercase magic manual manually many markdown method minimal mode
    modify module more mutate name named naming nest new node null number obvious old once one only open
    optional order output overwrite own package parallel parameter pass path permission pin pipeline plain
    plan prefer prefix print process production promise proof prove public quiet quote raise read reading
    real recursive red redundant refactor regression related release remote remove rename repeat report
    request require restore return review reviewer rewrite right root rule run safe same save scope script
    secret seed semicolon sentence separate shell short side sign signature silence silently single size
    skip small snapshot solution source space speculative split spot sql squash stage staged standard
    start state step strict string stub style subject suite summarize summary suppress swallow switch
    symlink tab temporary term than then throw timestamp together top touch tracking trailer trailing true
    try tuple two typing ui unapproved uncommitted unit unless unnecessary unrelated unstaged until unused
    upper uppercase upstream utf-8 value variable verbose verify version warning while whitespace whole
    wildcard with without word work working wrap write writing wrong yaml yourself
    """
)
#: Options that are known by themselves.
FLAGS = _words("--amend --force --force-with-lease --hard --no-verify -f")
#: File names that any project may have.
FILES = _words(
    """
    .env .gitignore agents.md changelog.md claude.md cargo.toml console.log go.mod package.json
    package-lock.json pnpm-lock.yaml pyproject.toml readme.md requirements.txt tsconfig.json yarn.lock
    """
)
#: Linters' rules by the language they judge.
RULES = {
    "Go": r"bodyclose|copyloopvar|dupl|errcheck|errorlint|exhaustive|forcetypeassert|funlen|gci|goconst"
    r"|gocritic|gocyclo|gofmt|gofumpt|goimports|gosec|gosimple|govet|ineffassign|intrange|misspell|nestif"
    r"|nilerr|noctx|nolintlint|paralleltest|perfsprint|prealloc|revive|staticcheck|testifylint|thelper"
    r"|tparallel|unconvert|unparam|unused|usetesting|wrapcheck",
    "Markdown": r"MD\d{3}/[\w-]+",
    "Python": r"(?:[A-Z]|ANN|ARG|ASYNC|BLE|DTZ|EM|ERA|EXE|FA|FBT|FLY|FURB|ICN|INP|INT|ISC|LOG|PERF|PGH|PIE"
    r"|PL[CERW]|PT|PTH|PYI|RET|RSE|RUF|SIM|SLF|SLOT|TC|TCH|TD|TID|TRY|UP|YTT)\d{3,4}",
    "Ruby": r"(?:Bundler|Gemspec|Layout|Lint|Metrics|Naming|Performance|RSpec|Rails|Security|Style)/\w+",
    "Rust": r"clippy::\w+",
    "shell": r"SC\d{4}",
    "JavaScript and TypeScript": r"(?:a11y|complexity|correctness|performance|security|style|suspicious)/\w+"
    r"|(?:@typescript-eslint|import|jest|jsx-a11y|n|node|promise|react|react-hooks|unicorn|vue)/[\w-]+"
    r"|no-[a-z-]+|prefer-[a-z-]+|(?:curly|eqeqeq|indent|quotes|semi|max-len|object-shorthand|sort-imports)",
}
