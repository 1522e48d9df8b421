"""`/metrics`: figures for Prometheus, for whoever has the operator's token; no label is of what was sent."""

import hmac
import time
from collections.abc import Iterable

import sqlalchemy as sa
from fastapi import FastAPI, Request
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hivemind.server import problems
from hivemind.server.site import Site, site_of
from hivemind.store import schema
from hivemind.store.database import Database

PATH = "/metrics"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Hold the figures of one application."""

    def __init__(self, database: Database) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "hivemind_requests", "Requests answered", ("route", "method", "status"), registry=self.registry
        )
        self.latency = Histogram(
            "hivemind_request_seconds",
            "From a request's first byte to the beginning of its answer",
            ("route", "method"),
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self.synced_events = Counter(
            "hivemind_synced_events", "Events that machines sent and that were new", registry=self.registry
        )
        self.registry.register(_Stored(database))


class _Stored(Collector):
    """Read what the database knows at the moment of asking."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def describe(self) -> Iterable[Metric]:
        """Name what is collected, without asking the database."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Count jobs and connections."""
        t = schema.jobs
        waiting = GaugeMetricFamily("hivemind_jobs_waiting", "Jobs that wait for a worker", labels=["kind"])
        failed = GaugeMetricFamily("hivemind_jobs_failed", "Jobs that failed too often", labels=["kind"])
        columns = (t.c.kind, t.c.due_at.is_(None).label("failed"))
        with self._database.read() as workspace:
            rows = workspace.execute(
                sa.select(*columns, sa.func.count().label("number")).where(t.c.owner == "").group_by(*columns)
            ).all()
        for row in rows:
            (failed if row.failed else waiting).add_metric([row.kind], row.number)
        yield waiting
        yield failed
        pool = self._database.engine.pool
        if isinstance(pool, sa.QueuePool):
            family = GaugeMetricFamily("hivemind_database_connections", "Open connections", labels=["state"])
            family.add_metric(["in use"], pool.checkedout())
            family.add_metric(["idle"], pool.checkedin())
            yield family


class Measured:
    """Count and time every request, also those that are turned away."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500
        answered: float | None = None

        async def sent(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], time.perf_counter()
            await send(message)

        try:
            await self.app(scope, receive, sent)
        finally:
            route = getattr(scope.get("route"), "path", None) or "other"
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self.metrics.requests.labels(route, method, str(status)).inc()
            self.metrics.latency.labels(route, method).observe((answered or time.perf_counter()) - begun)


def install(app: FastAPI, site: Site) -> None:
    """Measure an app, and show its figures."""
    metrics = Metrics(site.database)
    app.state.metrics = metrics
    app.add_middleware(Measured, metrics=metrics)
    app.add_api_route(PATH, show, methods=["GET"], include_in_schema=False)


def show(request: Request) -> Response:
    """Show the figures to whoever has the operator's token; to anybody else there is nothing here."""
    token = site_of(request).metrics_token
    said = request.headers.get("authorization", "").encode("utf-8", "replace")
    if not token or not hmac.compare_digest(said, f"Bearer {token}".encode()):
        return problems.response("not-found", "there is nothing here")
    metrics: Metrics = request.app.state.metrics
    return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)
