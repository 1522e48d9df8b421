"""What lets a transaction span requests that share nothing: one row for whose turn it is, one function.

Whoever writes takes the turn first, so that nobody else's writes come between what it reads and what it
writes. Its writes are kept here until it commits; then one request runs them all, or none where the turn
was lost meanwhile. A result that is needed before is had by running them and taking them back at once.
"""

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from psycopg import DatabaseError, errors

from hivemind.errors import HivemindError
from hivemind.store.engines.deeplake.endpoint import Endpoint, StatementRefusedError, failed
from hivemind.store.engines.deeplake.literals import literal

#: A turn that nobody renews ends so soon: its process is gone.
TURN_S = 15
#: How long one waits for its turn.
WAIT_S = 60
_FIRST_PAUSE_S, _MAX_PAUSE_S = 0.02, 0.5

_BODY = """
DECLARE
  one json;
  line text;
  counted bigint;
  counts bigint[] := '{}';
  lines text[] := '{}';
  said text;
  state text;
BEGIN
  IF keep THEN
    PERFORM 1 FROM hivemind_commits WHERE commit_id = turn;
    IF FOUND THEN
      RETURN '{"counts": [], "lines": []}';
    END IF;
    PERFORM 1 FROM hivemind_turn WHERE owner = turn FOR UPDATE;
    IF NOT FOUND THEN
      RETURN '{"lost": true}';
    END IF;
  END IF;
  BEGIN
    FOR one IN SELECT value FROM json_array_elements(statements) LOOP
      IF (one->>'gives')::boolean THEN
        counted := 0;
        FOR line IN EXECUTE one->>'sql' LOOP
          lines := array_append(lines, line);
          counted := counted + 1;
        END LOOP;
      ELSE
        EXECUTE one->>'sql';
        GET DIAGNOSTICS counted = ROW_COUNT;
      END IF;
      counts := array_append(counts, counted);
    END LOOP;
    IF keep THEN
      INSERT INTO hivemind_commits (commit_id, at) VALUES (turn, clock_timestamp());
      DELETE FROM hivemind_commits WHERE at < clock_timestamp() - interval '1 day';
      UPDATE hivemind_turn SET owner = '' WHERE owner = turn;
    ELSE
      RAISE EXCEPTION USING ERRCODE = 'HM000';
    END IF;
  EXCEPTION
    WHEN SQLSTATE 'HM000' THEN
      NULL;
    WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
      RETURN json_build_object('state', state, 'said', said)::text;
  END;
  RETURN json_build_object('counts', counts, 'lines', lines)::text;
END
"""
_TABLES = (
    "CREATE TABLE IF NOT EXISTS hivemind_turn (one int PRIMARY KEY, owner text NOT NULL, until timestamptz)",
    "CREATE TABLE IF NOT EXISTS hivemind_commits (commit_id text PRIMARY KEY, at timestamptz NOT NULL)",
    "INSERT INTO hivemind_turn (one, owner, until) VALUES (1, '', clock_timestamp()) ON CONFLICT DO NOTHING",
)
#: Another version has another function, and both work on one workspace.
RUN = f"hivemind_run_{hashlib.blake2b(_BODY.encode(), digest_size=4).hexdigest()}"
_ARGUMENTS = "turn text, statements json, keep boolean"
_IS_THERE = f"SELECT to_regprocedure('{RUN}(text, json, boolean)')::text AS found"
_GIVES_ROWS = "SELECT row_to_json(q)::text AS line FROM ({}) AS q"


@dataclass(slots=True)
class Write:
    """Hold a statement that waits for the commit; `count` is known once it was run."""

    sql: str
    gives: bool = False  #: rows, by RETURNING
    count: int | None = None

    def told(self, *, is_last: bool) -> dict[str, Any]:
        """Give what the function needs to know of it; only the last one's rows are of interest."""
        if not self.gives:
            return {"sql": self.sql}
        wrapped = f"WITH q AS ({self.sql}) SELECT row_to_json(q)::text AS line FROM q"  # noqa: S608 - a statement of ours
        return {"sql": wrapped, "gives": is_last}


@dataclass(slots=True)
class Turns:
    """Take turns in one workspace, and run what belongs to a turn."""

    endpoint: Endpoint
    _here: threading.Lock = field(default_factory=threading.Lock)  #: this process's own queue

    def prepare(self) -> None:
        """Make what turns need, where it is not there, and see that it does what they rely on."""
        if self.value(_IS_THERE) is None:
            for statement in _TABLES:
                self._make(statement)
            self._make(
                f"CREATE FUNCTION {RUN}({_ARGUMENTS}) RETURNS text LANGUAGE plpgsql AS {literal(_BODY)}"
            )
        self._prove()

    def _prove(self) -> None:
        """Refuse a workspace that shows writes late, keeps what was taken back, or doubles a key."""
        mark = f"probe-{secrets.token_hex(8)}"
        write = (
            f"INSERT INTO hivemind_commits (commit_id, at) VALUES ({literal(mark)}, clock_timestamp())"  # noqa: S608 - quoted
            " ON CONFLICT DO NOTHING"
        )
        query = f"SELECT count(*) AS n FROM hivemind_commits WHERE commit_id = {literal(mark)}"  # noqa: S608 - quoted
        seen = [self.attempt("", [Write(write)], query=query), self.lines(query)]
        again = f"{write} RETURNING commit_id"
        seen += [self.lines(query) for _ in self.ask(again)]
        seen += [self.lines(query) for _ in range(2) if not self.ask(again)]
        numbers = [line[0][:40] if line else "" for line in seen]
        if numbers != [f'{{"n":{n}}}' for n in (1, 0, 1, 1, 1)]:
            raise HivemindError(
                "deeplake-late",
                "the workspace does not keep what the store relies on: a row that was tried, taken back,"
                f" written and written again was counted {numbers}, not once, never and then once",
                hint="it may show writes late: keep the store in PostgreSQL or a file (docs/deeplake.md)",
            )

    def _make(self, statement: str) -> None:
        try:
            self.ask(statement)
        except DatabaseError:
            # Two that make it at once: one of them is told that it is there, in one of several ways.
            time.sleep(0.2)
            if "FUNCTION" not in statement or self.value(_IS_THERE) is None:
                self.ask(statement)

    def ask(self, statement: str) -> list[list[Any]]:
        """Run one statement by itself and give its rows."""
        try:
            return self.endpoint.ask(statement).rows
        except StatementRefusedError as error:
            raise DatabaseError(str(error)) from error

    def value(self, statement: str) -> Any:
        """Give the one value of a statement; None where it has none."""
        rows = self.ask(statement)
        return rows[0][0] if rows and rows[0] else None

    def lines(self, query: str) -> list[str]:
        """Give the rows of a query, each as JSON that PostgreSQL itself wrote."""
        return _texts([row[0] if row else None for row in self.ask(_GIVES_ROWS.format(query))])

    def take(self) -> str:
        """Wait for the turn and give its name."""
        end = time.monotonic() + WAIT_S
        if not self._here.acquire(timeout=WAIT_S):
            raise _no_turn()
        turn, pause_s = secrets.token_hex(8), _FIRST_PAUSE_S
        try:
            while not self._is_given(turn, "owner = '' OR until < clock_timestamp() OR owner"):
                if time.monotonic() > end:
                    raise _no_turn()
                time.sleep(pause_s)
                pause_s = min(pause_s * (1 + secrets.randbelow(100) / 100), _MAX_PAUSE_S)
        except BaseException:
            self._here.release()
            raise
        return turn

    def renew(self, turn: str) -> None:
        """Say that whoever has the turn is still at it."""
        if not self._is_given(turn, "owner"):
            raise _lost()

    def _is_given(self, turn: str, condition: str) -> bool:
        found = self.ask(
            f"UPDATE hivemind_turn SET owner = {literal(turn)},"  # noqa: S608 - quoted
            f" until = clock_timestamp() + interval '{TURN_S} seconds'"
            f" WHERE one = 1 AND ({condition} = {literal(turn)}) RETURNING owner"
        )
        return bool(found)

    def give_back(self, turn: str) -> None:
        """Let the next one have its turn; what cannot be told now ends by itself."""
        try:
            self.ask(f"UPDATE hivemind_turn SET owner = '' WHERE owner = {literal(turn)}")  # noqa: S608 - quoted
        except (HivemindError, DatabaseError):
            pass
        finally:
            self._here.release()

    def commit(self, turn: str, writes: list[Write]) -> None:
        """Run all writes and end the turn; raise where none of them was kept."""
        self._run(turn, [write.told(is_last=False) for write in writes], keep=True)
        self._here.release()

    def attempt(self, turn: str, writes: list[Write], *, query: str = "") -> list[str]:
        """Run the writes and a query after them, take all back, and give the rows of what came last."""
        statements = [write.told(is_last=write is writes[-1] and not query) for write in writes]
        if query:
            statements.append({"sql": _GIVES_ROWS.format(query), "gives": True})
        answer = self._run(turn, statements, keep=False)
        counts, lines = answer.get("counts"), answer.get("lines")
        if not isinstance(counts, list) or not isinstance(lines, list) or len(counts) != len(statements):
            raise failed("the answer to a transaction has no counts and rows")
        for write, count in zip(writes, counts, strict=False):
            write.count = count if isinstance(count, int) else -1
        return _texts(lines)

    def _run(self, turn: str, statements: list[dict[str, Any]], *, keep: bool) -> dict[str, Any]:
        told = literal(json.dumps([{"gives": False, **one} for one in statements], ensure_ascii=False))
        said = self.value(f"SELECT {RUN}({literal(turn)}, {told}, {literal(keep)}) AS answer")
        try:
            answer = json.loads(said)
        except (TypeError, ValueError) as error:
            raise failed(f"the answer to a transaction is no JSON: {error}") from error
        if not isinstance(answer, dict):
            raise failed("the answer to a transaction is no JSON object")
        if answer.get("lost"):
            raise _lost()
        if "state" in answer:
            raise _as_the_driver(str(answer["state"]))(str(answer.get("said", "")))
        return answer


def _texts(values: list[Any]) -> list[str]:
    if not all(isinstance(value, str) for value in values):
        raise failed("a row of the answer is no text")
    return values


def _as_the_driver(state: str) -> Callable[[str], Exception]:
    """Give the driver's own exception of an SQLSTATE, which the other engine raises."""
    try:
        return errors.lookup(state)
    except KeyError:
        return DatabaseError


def _no_turn() -> HivemindError:
    return HivemindError(
        "deeplake-turn",
        f"others wrote to this workspace for {WAIT_S} s on end",
        hint="try again; one process at a time writes to a Deeplake workspace",
    )


def _lost() -> HivemindError:
    return HivemindError(
        "deeplake-turn",
        f"this process was silent for {TURN_S} s, and another wrote to the workspace meanwhile",
        hint="try again: nothing of what it was about to write was stored",
    )
