"""How common words are among skills; written by benchmarks/build_word_frequencies.py, not by hand."""

#: Skills that were counted.
DOCUMENTS = 3655
#: How many skills a word that is not listed is taken to be in.
UNLISTED = 30
#: Words by the number of skills with them (rounded to powers of 1.2): a number, then its words.
_WORDS = """\
3048 and for in ins is not on one ones or the this to tos us use used useful uses using when with
2540 before from if of skill skills
2116 all ar are as by check checked checking checks code coded codes coding example examples file filed
files filing filings it its md name named names naming need needed needing needs no only output outputs
outputting pattern patterns read reading reads require required requirement requirements requires requiring
run running runs that user users
1764 after an any at ats be being change changed changes changing context contexts create created creates
creating data do doing dos each exist existe existed existence existent existing exists first full general
generality generalize generalizes generally generate generated generates generating generation generations
generative generator generators generic generics generous path paths refer reference references referred
specific specifically specification specifications specificity specifics step steps test tested testing
tests type typed types typing valid validate validated validates validating validation validations validator
validators validity verifiable verified verifier verifies verify verifying what without work worked workflow
workflows working works write writes writing
1470 add adds api apis applied applies apply applying ask asked asking asks base based bases build building
builds can case cases casing complete completed completely completeness completes completing completion
completions content contentful contention contents current currently decision decisions decisive default
defaulting defaults document documentation documented documenting documents doe does error errores errors
every executable execute executed executes executing execution executions executive executives fail failed
failing fails format formats formatted formatting ha handle handled handles handling has implement
implementable implementation implementations implemented implementer implementers implementing implements
include included includes including input inputs into json key keyed keys list listed listing listings lists
new news per project projected projection projections projects report reporte reported reporter reportes
reporting reports request requested requester requesting requests result resulting results return returned
returning returns review reviewable reviewed reviewer reviewers reviewing reviews rule ruled rules set sets
setting settings start started starting starts state stated stateful states stating structural structurally
structure structured structures structuring time timed times timing tool tooling tools you
1225 access accessed accessibility accessible accessing action actionability actionable actions agent agente
agentic agents always bash but config configs depend depende depended dependencies dependency dependent
dependents depending depends design designed designer designers designing designs detail detailed details
doc docs explicit explicitly find finding findings finds fix fixed fixes fixing flag flagged flagging flags
follow followed follower following follows get gets getting have having id ide identifiable identified
identifier identifiers identifies identify identifying ids import importance important imported importing
imports instead keep keeping keeps limit limitation limitations limited limiter limiting limits load loaded
loading loads match matched matches matching miss missed misses missing must never option optional
optionally options out over pass passed passes passing plan planned planning plans process processed
processes processing product production productive productivity products provide provided provider providers
provides providing quality re res same scope scoped scopes scoping script scripted scripting scripts should
single source sourced sources sourcing status target targeted targeting targets task tasks text texts them
then trigger triggered triggering triggers up update updated updater updates updating ups value values where
your yours
1021 across activate activated activates activating activation active actively activities activity already
availability available best block blocked blocking blocks call called calling calls command commands common
confirm confirmation confirmations confirmed confirming confirms contain contained container containers
containing containment contains core cores description descriptions descriptive don evidence evident failure
failures feature featured features final finalization finalize finalized finalizing finally function
functional functionality functions how integrate integrated integrates integrating integration integrations
integrity issue issued issues level levels line lines log logged logging logs make makes making manage
manageable managed management manager managers manages managing map mapped mapping mappings maps mode model
modeled modeling models modes multiple multiples next non note noted notes noting number numbered numbering
numbers open opened opening opens operate operates operating operation operational operations operator
operators order ordered ordering orders other others prefer preference preferences preferred prefers produce
produced producer producers produces producing python real reales replace replaced replacement replacements
replaces replacing responsable response responses responsibilities responsibility responsible responsive
responsiveness see seeing sees show showed showing shows skip skipped skipping skips so summaries summary
support supported supporting supports system systemic systems template templated templates than these they
true unless usage vs which why whys
851 about actual actually actuals against analysis analyze analyzed analyzer analyzers analyzes analyzing
architectural architecture architectures artifact artifacts assume assumed assumes assuming assumption
assumptions audit auditability auditable audited auditing audits avoid avoidance avoided avoiding avoids
behavior behavioral behaviors both clear cleared clearing clears commit commitment commitments commits
committed committing configurable configuration configurations configure configured configures configuring
correct corrected correcting correction corrections corrective correctness corrects count counted counting
counts cover covered covering covers critic critical criticism custom customer customers customization
customize customized customizing define defined defines defining differ difference differences different
differently differs direct directed direction directional directions directive directives directories
directory domain domains edge edges empty end ended ending endings ends expect expectation expectations
expected expecting expects gate gated gates gating high http https item items just language languages like
likely likes local locale locales locality localization localized locally may message messages messaging
minimal minimally minimization minimize minimized more most multi own owned owning owns perform performance
performant performed performing performs point pointed pointing points practical practice practices present
presentation presentations presented presenting presents question questioning questions reason reasonable
reasonably reasoned reasoning reasons recommend recommendation recommendations recommended recommending
recommends record recorded recording recordings records relate related relation relational relations search
searched searches searching section sections select selected selecting selection selective selectively
selects separate separated separately separates separating separation separator separators service services
session sessions share shared shares sharing size sized sizes sizing standard standardize standardized
standardizing standards stop stopped stopping stops style styled styles styling table tables through version
versioned versioning versions via was
709 accept acceptable acceptance accepted accepting accepts ad added adding ade ads app applicability
applicable application applications appropriate appropriately apps author authored authoring authority
authorization authorize authorized authorizes authors auto back backed backing between checklist checklists
claim claimed claiming claims class classes claude clean cleaned cleaning cleans complex complexity
component components conflict conflicted conflicting conflicts constraint constraints contract contracts
control controlled controller controllers controlling controls criteria cross crossed crosses crossing date
dated dates detect detectable detected detecting detection detects develop developed developer developers
developing development directly edit editable edited editing edits engine engineer engineered engineering
engineers engines environ environment environments evaluate evaluated evaluates evaluating evaluation
evaluations evaluator evaluators extract extractable extracted extracting extraction extracts false field
fields flow flowing flows found founding framework frameworks git good guid guide guided guides guiding here
inform informal information informational informative informed informs install installation installed
installer installing installs live lived liveness lives living logic logical logically look looked looking
looks markdown method methods object objection objections objective objectives objects off offs once optimal
optimism optimization optimizations optimize optimized optimizer optimizes optimizing otherwise package
packaged packages packaging page pages post posted posting postings posts prompt prompted prompting prompts
proposal proposals propose proposed proposes proposing purpose purposes py queried queries query querying
quick relevance relevant removal remove removed removes removing repo repos resolve resolved resolver
resolvers resolves resolving risk risks route routed routes routing save saved saves saving savings say
saying says secure securely security self setup setups specified specifies specify specifying still
strategies strategy string strings success successes successful tag tagged tagging tags their theirs token
tokens two under url urls verification want wanted wanting wants will willing wrong
591 ai also answer answerable answered answering answers anti approach approaches approaching auth automatic
automatically because below bodies body boundaries boundary break breaking breaks cannot capture captured
captures capturing categories category cause caused causes causing choose chooses choosing ci close closed
closely closes closing com condition conditional conditionals conditions consistency consistent consistently
continuation continue continued continues continuing continuity continuous continuously convention
conventional conventions conversation conversational conversations conversion conversions copied copies copy
copying cost costs database databases debug debugging decide decided decides deciding delete deleted deletes
deleting deletion deletions discover discovered discovering discovers done during else escalate escalated
escalating escalation escalations exact export exported exporter exporting exports external externally
filter filtered filtering filters gap gaps github go going head headed heading headings heads human humanize
humanizer humans improve improved improvement improvements improves improving index indexed indexes indexing
instruct instructed instruction instructions interact interaction interactions interactive interactively
interactivity interacts internal internally internals international invocable invocation invocations label
labeled labeling labelled labels large last layer layered layering layers libraries library link linked
linking links long loop looping loops low main manual manually max mean meaning means memories memory metric
metrics module modules move moved moves moving now parse parsed parses parsing phase phased phases pipeline
pipelines pre prevent prevented preventing prevention preventive prevents primary principle principles
problem problems public publication publications rate rated rates rather rating ratings readiness ready
resolution resolutions resource resources right rights role roles root roots safe safely scenario scenarios
schema schemas shape shaped shapes shaping signal signaling signals silent silently spec specs surface
surfaced surfaces surfacing team teams there title titled titles top track tracked tracking tracks treat
treated treating treats try trying ui uis understand understandable understanding understands until warn
warning warnings warns whether while within would
492 above allow allowed allowing allows anything approval approvals approve approved approves approving
asset assets autom automate automated automates automating automation automations bad better branch branches
branching bug bugs built business businesses busy cache cached caches caching capabilities capability
capable cli client cliente clients clis collect collected collecting collection collections collects
comparable comparative compare compared compares comparing concrete concretely connect connected connecting
connection connections connectivity connects coverage describe described describes describing dev devs diff
diffs doesn duplicate duplicated duplicates duplicating duplication effect effective effectively
effectiveness effects email emails enable enabled enablement enables enabling ensure ensures ensuring
entries entry etc even event events everything exactly except exception exceptional exceptions expert
experts explain explainability explained explainer explaining explains fallback fallbacks fetch fetched
fetches fetching form formed forms goal goals group grouped grouping groups header headers help helped
helpful helping helps html ignore ignored ignores ignoring image images imaging immediate immediately impact
impactful impacts independence independent independently initial initialization initialize initialized
initializing initially initiate initiated initiation initiative initiatives inline inlined inside insider
inspect inspected inspecting inspection inspects interface interfaces job jobs js judgment judgments known
let lets letting locate located location locations locator locators maintain maintainability maintainable
maintained maintainer maintainers maintaining maintains mark marked marking marks matter matters measurable
measurably measure measured measurement measurements measures measuring mention mentioned mentioning
mentions merge merged merges merging migrate migrated migrating migration migrations modified modifier
modifiers modifies modify modifying none normal normalization normalize normalized normalizes normally null
nulls observability observable observation observational observations observe observed observer observes
observing origin original originally origins overview overviews parallel parallelism parallelization
parallelize parameter parameters platform platforms policies policy position positional positioned
positioning positions positive positives pr preservation preserve preserved preserves preserving print
printed printing prints procedural procedure procedures proceeding progress progression progressive
progressively prs raw remain remaining remains render rendered renderer rendering renders repeat repeatable
repeated repeating repeats retried retries retry retrying scale scaled scales scaling scan scanned scanning
scans score scored scores scoring second seconds server servers short simple small split splits splitting
stack stacked stacking stacks stage staged stages staging store stored stores storing three too total totals
unit units variability variable variables visibility visible visibly visual visualization visualizations
visualize visualizing visually visuals web
410 addition additional additions additive address addressable addressed addresses addressing alternate
alternative alternatives another appear appearance appeared appearing appears argument arguments assess
assessed assesses assessing assessment assessments async authentic authenticate authenticated authentication
batch batched batches batching catch catches catching clarification clarifications codebase codebases
combination combinations combine combined combines combining comment commented commenting comments
communicate communicates communicating communication communications communities community confidence
confident confidently day days deep deploy deployable deployed deploying deployment deployments deploys
determin determination determine determined determines determining determinism dir dirs element elements
endpoint endpoints enforce enforced enforcement enforces enforcing english enough entire entirely env
establish established establishes establishing exit exits fast focus focusable focused focuses focusing
force forced forces forcing gather gathered gathering gathers grep greps guidance hand handed handful
handing hands happen happened happening happens hard historial history infer inference inferences inferred
intent intentional intents invalid invalidate invalidated invalidates invalidation invoke invoked invokes
invoking isolate isolated isolates isolation iter iterate iterates iterating iteration iterations iterative
iteratively iterator know knowing knows later layout layouts lead leading leads learn learned learning
learnings learns least many market marketing markets mechanical mechanically mechanics mechanism mechanisms
medium metadata monitor monitored monitoring monitors my network networking networks node nodes nothing
organic organization organizations organize organized organizes organizing outcome outcomes part parte parts
past paste pasted pastes pasting permission permissions permissive persist persisted persistence persistent
persisting persists person personal personality personalization personalize personalized pick picked picking
picks place placed places plus possible possibly priorities priority protocol protocols push pushed pushes
pushing range ranges reach reached reaches reaching red redirect redirected redirects reduce reduced reducer
reduces reducing refactor refactoring refactors release released releases releasing repositories repository
research researched researcher researching rest restful rests row rows runtime runtimes safety secret
secrets sentence sentences sequence sequences sequencing several severe severities severity shell shells
ship shipped shipping ships side sides solution solutions something src stale staleness stay stayed staying
stays suggest suggested suggesting suggestion suggestions suggests take takes taking technical technically
tell telling tells thing things tier tiered tiering tiers touch touched touches touching trace traced traces
tracing trust trusted trusting trusts ts turn turned turning turns typescript unknown unknowns util
utilities utility utilization utils wait waiting waits way ways we were who window windows word wording
words written ye yes zero zeros
342 account accountability accountable accounted accounting accounts affect affected affecting affects align
aligned aligning alignment alignments aligns alone ambiguities ambiguity ambiguous append appended appending
appends area areas assert asserted asserting assertion assertions asserts attempt attempted attempting
attempts background backgrounds baseline baselines become becomes becoming brand branded branding brands
brief briefing briefs browser browsers budget budgeting budgets carried carries carry carrying cd chain
chained chaining chains choice choices color colored colors column columns comparison comparisons compat
compatibility compatible compliance comprehension comprehensive comprehensively computation computational
computations compute computed computer computes computing concept concepts consider considered considering
consume consumed consumer consumers consumes consuming convert converted converter converting converts could
creation dashboard dashboards definition definitions definitive deterministic deterministically discoveries
discovery down draft drafted drafting drafts driven drop dropped dropping drops exploration explore explored
explorer explores exploring extend extended extending extends fact facts fill filled filling fills fit fits
fitting fresh freshness future futures give gives giving global globally globals handoff handoffs hook hooks
host hosted hosting hosts identical identically identities identity info inject injectable injected
injecting injection injects itself knowledge leave leaves leaving length lengths material materialize
materialized materially materials min minimum native natively navigable navigate navigating navigation
navigator often orchestrate orchestrated orchestrates orchestrating orchestration orchestrator override
overrides owner owners partial partially private proceed proceeds profile profiler profiles profiling
publish publishable published publisher publishes publishing pull pulled pulling pulls react readability
readable reject rejected rejecting rejection rejections rejects reliability reliable reliably sample sampled
samples sampling sh similar similarity space spaces spacing stable switch switched switches switching term
terms those threshold thresholds timeout timeouts tl tls topic topics transform transformation
transformations transformed transformer transformers transforming transforms transit transition
transitioning transitions transitive tree trees view viewed views well yaml yet
285 act acted acting acts adapt adaptation adapted adapter adapters adapting adaptive adapts advance
advanced advancement advances assign assigned assigning assignment assignments assigns attribute attributed
attributes attribution await awaiting backend backends basic basics been bound bounded bounds broken bundle
bundled bundles bundling calculate calculated calculates calculating calculation calculations calculator
candidate candidates cite cited cites citing classified classifier classifies classify classifying cleanup
clearly come comes coming compilation compile compiled compiler compiles concern concerns const correctly
credential credentials css db dbs declaration declarations declarative declare declared declares declaring
def deliverability deliverable deliverables delivery depth derivation derive derived derives deriving did
distinct distinction distinctive dr drift drifted drifting drifts early efficiency efficient efficiently
either estimate estimated estimates estimating estimation experience experiences experiment experiments
expose exposed exposes exposing face faces facing fall falling falls feedback frame framed frames framing
free genuine genuinely google green ground grounded grounding grounds guess guessed guesses guessing health
hold holding holds indicate indicates indicating indication indicator indicators indices infrastructure
invent invented inventing invention invents io ios isn land landed landing lands launch launched launches
launching left lint linting lints lock locked locking locks machine machines major majority matrix mcp mcps
me minute minutes mix mixed mixes mixing npm obvious offer offered offering offers old org orgs outside pair
paired pairing pairs plain plugin plugins precise precisely precision preparation prepare prepared prepares
preparing price priced prices pricing prioritization prioritize prioritized prioritizes prioritizing
properties property protect protected protecting protection protections protects prove proved proves proving
put puts putting quote quoted quotes quoting recent recently regress regression regressions rel relative
reproduce reproduced reproduces reproducibility reproducible reproducing rewrite rewrites rewriting schedule
scheduled scheduler schedules scheduling semantic semantically semantics send sending sends sensitive
sensitivity slow slows some special specialized sql statement statements static statically storage sub
subagent subagents such suite suites third timestamp timestamped timestamps trade trades trading unique
uniqueness usual usually vague var variant variante variants vars violate violated violates violating
violation violations whenever whole workspace workspaces
237 absolute absolutely around array arrays aware awareness behind belong belongs beyond button buttons
canonical card cards character characters classification classifications click clicked clicking clicks cloud
clouds companies company concise concurrency concurrent concurrently console cut cuts cutting cycle cycles
de delegate delegated delegates delegating delegation deliver delivered delivering delivers dimension
dimensions disable disabled disables disabling display displayed displaying displays distribute distributed
distribution distributions drive drives driving duration durations dynamic dynamically dynamics echo effort
embedded embedding embeddings en encode encoded encoder encodes encoding equivalence equivalent equivalents
exclude excluded excludes excluding express expressed expresses expression expressions extensibility
extensible extension extensions extensive faster feel feeling feels filename filenames fine finish finished
finishes finishing fixture fixtures frontend fully gotcha gotchas govern governance governed governing
government governs graph graphs guideline guidelines handler handlers heavy helper helpers hidden hide hides
hiding highest hit hits hitting hour hours idea ideas increase increased increases increasing increment
incremental incrementally increments individual individually individuals init interpret interpretable
interpretation interpretations interpreted interpreter interpreting investigate investigated investigating
investigation investigations investigative investigator join joined joining joins keyword keywords latest
law laws legacy len lens lifecycle ll llm llms login made mandatory meet meeting meetings meets mid month
months natural naturally nature nest nested nesting ok omit omits omitted omitting op ops os paragraph
paragraphs password passwords pdf pdfs pip placeholder placeholders prefix prefixed prefixes previous prior
priors promise promised promises promising proper prose pure purely raise raised raises raising rank ranked
ranking rankings ranks rationale reader readers readme readmes receive received receiver receives receiving
recovery refresh refreshed refreshes register registered registers relationship relationships remote
remotely remotes remotion retrieval retrieve retrieved retrieves retrieving reusable reuse reused reuses
reusing reversal reverse reversibility reversible round rounded rounding rounds screen screening screens
sequential sequentially serve served serves serving sign signed signing signs site sites sort sorted sorting
sorts stories story stream streaming streams strict strong summarization summarize summarized summarizes
summarizing supplied supplies supply sync synced syncs think thinking thinks thread threaded threading
threads timeline timelines train trained training trains troubleshoot troubleshooting truth truthful txt
typical typically unavailability unavailable volume volumes weight weighted weighting weights wide widely
win winning wins world wrap wrapped wrapping wraps
198 absent abstract abstraction abstractions abstracts accuracy adjust adjusted adjusting adjustment
adjustments admin again aggregate aggregated aggregates aggregation aggregations alert alerting alerts
alongside analytical analytics anchor anchored anchoring anchors archival archive archived archives
archiving audience audiences balance balanced balancer balances balancing bar bars beat beats begin
beginning begins benchmark benchmarking benchmarks benefit benefits binaries binary blocker blockers bottom
broad builder builders cap capped caps catalog catalogs channel channels checkout checkpoint checkpointing
checkpoints compact compaction composable composables compose composed composer composes composing composite
composition compositions coordinate coordinated coordinates coordinating coordination coordinator dataset
datasets defer deferred defers degradation degrade degraded degrades degrading delay delayed delays demand
demanding demands diagnose diagnoses diagnosing diagram diagrams discipline disciplined dispatch dispatched
dispatcher dispatches dispatching downstream easy emit emite emits emitted emitting enter entered entering
enters entities entity eval evals expand expanded expanding expands expense expenses expensive extra extras
feed feeding feeds folder folders font fonts forward forwarded forwarding foundation foundational
foundations four given goes guard guarded guards hardcode hardcoded hardcoding hierarchies hierarchy higher
incomplete instance instances insufficient int introduce introduced introduces introducing inventories
inventory involve involved involves involving javascript la las leak leaked leaking leaks less longer lose
loses losing lower manifest manifests marker markers met meta methodological methodologies methodology
mismatch mismatched mismatches mobile ms mutate mutates mutating mutation mutations narrow narrower
narrowing narrows negative negatives negotiable negotiables negotiate negotiation net official offline
opportunities opportunity overlap overlapping overlaps ownership parent parents parties party patch patched
patches patching payload payloads payment payments people period periodic periodically periods phrase
phrased phrases phrasing pin pinned pinning pins port ports power powered powerful powers predict
predictability predictable predicted prediction predictions predictive proof queue queues random
randomization randomized randomness reality ref referenced referencing refs relied relies rely relying
rename renamed renames renaming respond responding responds rollback rollbacks router scratch shift shifted
shifting shifts signature signatures significance significant snapshot snapshots social solve solved solves
solving someone span spanning spans speed subject subjective subjects syntax systematic systematically tdd
tech terminal terminate terminates termination theme themes theming throw throwing throws tmp todo todos
together transaction transactional transactions unclear unrelated verdict verdicts voice waste wasted
wasteful wastes wasting watch watched watching week weeks whose worth
165 adopt adopted adopting adoption annotate annotated annotation annotations arg args assistant assistants
assisted assistive attach attached attaches attaching attachment attachments bin bind binding bindings binds
bins boolean booleans box boxed boxes bullet bullets bypass bypassed bypasses bypassing byte bytes caller
callers cancel canceled cancellation cancelled cat chart charts chat chosen clarify clarifying clarity
cluster clustered clustering clusters codex compliant con cons constitution construct constructed
constructing construction constructs contradict contradicted contradicting contradiction contradictions
contradicts csv dead dedicated deliberate deliberately diagnostic diagnostics disk distinguish
distinguishable distinguishes distinguishing double doubled doubles download downloadable downloaded
downloading downloads dry due dump dumping dumps durability durable el engage engaged engagement engagements
engaging equal equality equally equals es escape escaped escaping ese especially exceed exceeds explanation
explanations few fire fired fires firing five frequency glob globs grow growing grows growth guardrail
guardrails harness harnesses hash hashed hashes hashing home incident incidents inconsistencies
inconsistency inconsistent inconsistently industries industry intend intended interview interviewing
interviews judge judged judges judging justified justifies justify lack lacking lacks latency literal
literally literals lookup lookups ls master maximum meaningful media might minor mistake mistakes mock
mocked mocking mocks modern modernization much noise notification notifications npx older onboard onboarding
param params pending pitfall pitfalls potential potentially preview previews program programming programs
promote promoted promotes promoting promotion promotional proven provenance ratio ratios redundancy
redundant reflect reflected reflection reflects regardless region regional regions represent representative
represented represents reset resets respect respected respects restrict restricted restriction restrictions
restrictive resumable resume resumes resuming reveal revealed reveals revenue revise revised revising
revision revisions robust robustness sale sales sandbox sandboxed scaffold scaffolded scaffolder scaffolding
scaffolds sdk sdks secondary seed seeded seeding seeds since slug slugs smallest software stakeholder
stakeholders standalone stat statistic statistical statistically statistics stats str strategic strip
stripped stripping strips studies study submit submitted submitting successfully sum survive survived
survives surviving technique techniques technologies technology temporary tip tips today tone tones trail
trailing trails translate translated translating translation translations trend trending trends triage
triaged triaging un unnecessary upgrade upgrades upgrading upload uploaded uploading uploads varied varies
vary varying ve vendor vendored vendors verbatim veri very weak weakness weaknesses width widths wire wired
wires wiring worker workers year years yourself
137 adr adrs age al algorithm algorithmic algorithms allocate allocated allocating allocation allocations
amount amounts announce announced announcement announcements announcing article articles atom atomic
atomically atomicity atoms attention average averages averaging aws bare barely bill billing bills capacity
cell cells center centered centers challenge challenger challenges challenging char chars citation citations
cold compress compressed compression confuse confused confusing confusion constrain constrained constrains
consult consultant consultation consulted consulting contrast contribute contributed contributes
contributing contribution contributions crash crashed crashes crashing criterion cursor daily dark dd
deadline deadlines defense defensible defensive del demo demos denied deny deprecate deprecated deprecation
desktop device devices didn discuss discussed discussing discussion discussions div docker ecosystem
ecosystems enhance enhanced enhancement enhancements enhancing enterprise enumerate enumerated enumeration
excel excellence excellent exhausted exhausting exhaustion exhaustive exhaustively factor factors fewer
figure figures filesystem filesystems financial financials flat flexibility flexible forget forgetting
formula formulas friendly frontmatter gh grade graded grades grading grid grids hack hacking hacks highlight
highlighted highlighting highlights honest hybrid insert inserted insertion insight insights interval
intervals kind kinds lazy legal legally letter letters lib libs license licensed licenses licensing light
lighting localhost loss losses maintenance middleware mitigate mitigated mitigation mitigations mm moment
moments monthly narrative narratives near necessary nobody notice noticed notices noticing numeric numerical
orient orientation oriented our ours overall overhead pad padded padding paginate paginated pagination panel
panels para pause paused pauses pausing physical physics png polish polished polishing postgresql precedence
precedent preceding prerequisite prerequisites proactive proactively programmatic programmatically prop
props px rationalization rationalizations recur recurring refine refined refinement refining registries
registry remember remembered remembers replies reply replying reservation reservations reserve reserved
restoration restore restored restores restoring retention roadmap roadmaps roll rolled rolling saas
satisfied satisfies satisfy screenshot screenshots se segment segmentation segments senior seniority serial
serialization serialize serialized serializer serializers ses simplified simplifier simplifies simplify
simplifying sin slice slices slicing smaller snippet snippets sound sounding sounds spawn spawned spawning
spawns spend spending spends spot spots startup startups stdout substitute substitutes substitution succeed
succeeds sufficient symbol symbolic symbols symptom symptoms synthesize synthesized synthesizes synthesizing
testability testable thought thoughts ticket tickets tracker trackers traffic trivial trivially tsx
unchanged unexpected unresolved unverifiable unverified ux verbose verbosity void vulnerabilities
vulnerability vulnerable walk walking walks weekly whatever won worse wrapper wrappers xml yyyy
114 accumulate accumulated accumulates accumulating accumulation accurate accurately achievable achieve
achieved achievement achievements achieves acknowledge acknowledged acknowledging acknowledgment agree
agreed agreeing agrees animate animated animating animation animations architect architecting architects
authoritative autonomous autonomously backward backwards big blog blogs board boards bold breakdown
breakdowns broader cada cadence calibrate calibrated calibrating calibration cascade cascades cascading
changelog changelogs cheap chunk chunked chunking chunks churn churned co collapse collapsed collapses
compete competency competent competes competing competition competitive competitor competitors compound
compounding compounds conclusion conclusions consideration considerations consolidate consolidated
consolidating consolidation constant constants contact contacts corrupt corrupted corruption corrupts
counter counters couple coupled coupling cpu curl debt decoration decorative decorator decorators deeper
delta deltas deps destructive dual earlier earn earned earning earns eliminate eliminated eliminates
elimination essential essentials exclusion exclusions exclusive exclusively expansion expiration expire
expired expires families family firebase float floating fold folded folds frequent frequently front
gitignore gitignored guarantee guaranteed guarantees happy height heights hello hint hints historical
hypothesis icon icons idempotency idempotent identification immutability immutable inherit inheritance
inherited inherits intermediate invariant invariants invest investment investments justification leverage
leveraging lightweight linear listen listener listeners listening lo los lost macos margin marginal margins
math member members mermaid milestone milestones mirror mirrored mirroring mirrors ml modification
modifications motion neither occur occurred occurs openai opinion opinionated opinions opt opted opts
overwrite overwrites overwriting pain painful pains pay paying pays percentage percentages plausible
plausibly playbook playbooks playwright pointer pointers pool pooled pooling pools populate populated
population pressure privacy privilege privileged privileges pro probabilities probability probable probably
probe probes probing professional properly pros proxies proxy qa quarterly que race races radius rebuild
rebuilding rebuilds recipe recipes refusal refuse refused refuses refusing registration registrations
regulatory remediate remediation req restart restarting restarts restate restated restatement restates
restating revert reverted reverting reverts rich rollout rollouts rotate rotated rotating rotation scroll
scrolling sha shas sheet sheets si sibling siblings simpler sit sits sitting situation situations sleep
sleeps slide slides solo stand standing stands stderr swap swapped swaps synthesis tab tabs thin throughout
toml transcript transcription transcripts transfer transfers tune tuned tuning typography una upstream uv
variation variations vector vectors verb verbs video videos worktree worktrees writer writers xiii xiv yml
95 adjacent alias ante antes anthropic anthropics aren arrival arrive arrived arrives art aspect aspects
assemble assembled assembly attack attacker attackers attacks away ax axe axes bear bearing bias black blank
blast blind blue bool bootstrap bootstrapping border borders bottleneck bottlenecks bridge bridges bucket
buckets bulk buy buying buys care careful cares categorical categorization categorize categorized central
centralize centralized certificate certificates certification certifications child clause clauses cleanly
collaboration collaborative collaborators conduct conducting constructor constructors correlate correlated
correlates correlation correlations creator creators cta ctas decline declined declines declining decompose
decomposed decomposes decomposing decomposition defect defects demonstrate demonstrated demonstrates
demonstrating demonstration demonstrations density desired destination destinations destroy destroys
diagnosis dict dicts differential differentiate differentiation differentiator differentiators digit digital
digits discard discarded discards disclosure dive diverge diverged divergence divergent diverges dives docx
dom easier ecc elsewhere encrypt encrypted encryption enum enums err ever everywhere evolve evolved evolves
evolving exceeded exceeding exec exercise exercised exercises exposure fabricate fabricated fabricating
fabrication factories factory flakiness flaky flight footer footers forbidden fork forked forks formal
formality friction fundamental fundamentally fundamentals further gateway gateways got gracefully grant
granted grants half headline headlines hoc horizontal hot ideal ideally implication implications implicit
implied implies imply implying intelligence intelligent intentionally interest interested interesting
interests interrupt interrupted interruption ip ips java jwt kb kebab keyboard kill killed kills lab labs
larger linkedin linux logger logo logos lowercase manipulate manipulation mask masked masking masks mental
mentally mkdir modal modals moderate money neutral notified notify oauth offset orm outdated overflow pack
packing paid pandas paper papers peer peers permanent permanently persona personas perspective perspectives
piece pieces pii placement pm pms poor por postgres presence propagate propagates propagation pytest ran
rare rarely reachability reachable realistic redis reduction regenerate regenerated regenerates regenerating
regeneration regex regular regulated regulation regulations repair repairs repeatedly restructure
restructuring rm rubric rubrics runner runners sanitization sanitize sanitized scalability scalable selector
selectors seo series settle settled settles shadow shadows shown simulate simulation simulations simulator
simulators simultaneous simultaneously six sla slack slas slot slots smart smoke soft speculation
speculative spreadsheet spreadsheets sprint sprints stability stabilize strength strengths svg
synchronization synchronized synchronous synchronously talk talking talks temp ti tied ties toward
transparency transparent transparently tried tries trim trimmed trimming truncate truncated truncates
truncation typo typos uncertainty undefined underlying unified universal untrusted unusable unused usability
usable username valuable vertical vocabulary wall walls wcag webhook webhooks website websites white
workaround workarounds www xlsx
79 aa ab abc abs adversarial advice agreement agreements alice almost alt am angle angles annual annually
anyone aria associate associated association associations axis azure backlog backoff backup backups badge
badges bearer buffer buffers bump bumped bumping bumps calendar calendars callback callbacks campaign
campaigns ceiling children clock clone cloned clones cloning cmd coherence coherent col cols como
consecutive consent consequence consequences converge convergence converging cookie cookies corresponding
creative currency deck decks decode decoded decoding deduplicate deduplicated deduplication desc di dies
disagree disagrees dominant dominate dominates draw drawing driver drivers embed embeds emerge emergency
emerges emerging encounter encountered encountering encounters eof examination examine examined examining
excess excessive experimental experimentation expertise exponential factual fake fan fans far fi firestore
fn formato fragment fragments func fund funding funds gemini gen gradient gradients granular granularity had
harden hardened hardening harder heuristic heuristics hire hired hires hiring hover hunt hunting hypotheses
instant instrument instrumentation instruments iron iso journey journeys jump jumping kept landscape lesson
lessons linter linters markup mature maturity mb menu menus merely mod modo modos msg namespace namespaces
np nps orphan orphaned orphans outline outlines overlay overlays palette palettes parser parsers partition
partitioned partitioning partitions partner partners permit permits permitted phone pixel pixels portfolio
principio prod prototype prototypes prototyping prune pruned pruning qualified qualify qualifying quickly
recall recalled recognize recognized recover recovered recovering redact redacted redaction reload reloads
remind reminder reminders rerun residual residue resilience resilient retain retained risky room rooms
roughly said scorecard scorecards seem seems shortcut shortcuts shot shots significantly skeleton skeletons
solid solidity spike spikes stakes stock stocks straight struct structs submission submissions subscription
subscriptions subsequent subset subsets succeeded sure surprise surprises surprising surrounding sys tail
tailwind taxonomy tenant tenants themselves tight toggle toggles tolerance tolerant tolerate traceability
traceable tradeoff tradeoffs transport trap traps trial trials truly twice uncertain unsafe unsupported
userid utf uuid uuids viable viewport viewports vision warm workload workloads wrote xx yield yields
66 abandon abandoned abandonment abort absence accidental accidentally acquisition advisory agnostic aim
aimed allowlist allowlisted allowlists analyse analyses analyst analysts anomalies anomaly anyway apple
arbitrary arrow arrows ascii askuserquestion auditor auditors ban banned beside bloat bloated browse
browsing buried buries burn burns bury burying canary carefully cargo caught caveat caveats cdn charge
charges cheaper circuit circuits classname conform conformance contributor contributors cors cp credibility
credible credit credits cs cu cuando cultural culture curate curated curation curve curves cwd dangerous
dash dashes datetime debe dedup dedupe deviate deviation deviations df discount discounts dist dot doubt
editor editors education educational em est este everyone evolution feasibility feasible feat finance floor
flowchart flowcharts foo founder founders gain gains game gaming gdpr grace graceful graphql great haven hay
headless healthy heredoc heredocs hero hex hierarchical honestly hygiene imperative impossible incorrect
inflate inflated inflates inflation integer integers inter intervention interventions invisible irrelevant
javier jq kpi kpis kubernetes late leadership ledger legitimate legitimately life magic medical medications
mem micro microservice microservices microsoft modelo modelos mutable narrate narrating narration nav numpy
ongoing onto openapi opus ordinary owasp packet packets parameterization parameterize parameterized paso pd
perf philosophy pitch pivot pivoting pivots pnpm poll polling polls portability portable posture provision
provisioned provisioning pt purchase purchases purchasing pwd pyproject quantifiable quantified quantify
quantity quarter quarters reactive reactivity reconstruct reconstruction rector recursion recursive
recursively redesign redesigning replay replayed retrospective retrospectives rev rigor rigorous roi runbook
runbooks runnable rust scatter scattered scheme schemes scientific sense sent signup signups simplest slower
sole solely sonnet specialist specialists spring stripe strongest stub stubs stuck suppress suppressed
suppresses suppression supuesto supuestos suspect suspected teach teaches teaching ten threat threats
throughput toolkit transient treatment trip trips ubuntu unauthorized unbounded uncommitted unsure
untestable untested upfront val velocity vercel virtual vue warrant warranted warrants xss xxx yagni zip zod
zone zones
55 bot bots canvas closure complaint complaints django gpu gpus hasn idx kiss lean rfc simplicity smooth
smoothing sometimes timer timers tutorial tutorials
"""


def load() -> dict[str, int]:
    """Give the number of skills for each listed word."""
    skills: dict[str, int] = {}
    count = 0
    for word in _WORDS.split():
        if word.isdigit():
            count = int(word)
        else:
            skills[word] = count
    return skills
