"""Requests of every kind that the dashboards show, until `stop` is set: changes, polls of named nodes, resolves, audit queries, refusals."""

import itertools
import json
import threading
import urllib.error
import urllib.request
from email.message import Message


class Api:
    def __init__(self, url: str, token: str):
        self.origin, self.url, self.token = url, url + "/api/v1", token

    def call(self, method: str, path: str, body: object = None, headers: dict | None = None, token: str | None = None) -> tuple[int, Message, bytes]:
        headers = {"Authorization": f"Bearer {token or self.token}", "X-Reason": "traffic for the dashboards", **(headers or {})}
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()
        except OSError:
            # The service is away in some rehearsals.
            return 0, Message(), b""

    def must(self, method: str, path: str, body: object = None) -> tuple[int, Message, bytes]:
        """A call without which a rehearsal is worth nothing."""
        answer = self.call(method, path, body)
        if not 200 <= answer[0] < 300:
            raise RuntimeError(f"{method} {path}: {answer[0]} {answer[2].decode()}")
        return answer


def changes(api: Api, tenant: str, stop: threading.Event, pause: float) -> None:
    for number in itertools.count():
        route = {"url": f"https://web-{number % 7}.example.com"}
        api.call("PUT", f"/routes/{tenant}/web/prod/v{number % 3}", route)
        if stop.wait(pause):
            return


def node(api: Api, tenant: str, name: str, stop: threading.Event) -> None:
    tag = None
    while not stop.is_set():
        headers = {"TM-Node": name} | ({"If-None-Match": tag} if tag else {})
        status, answer, _ = api.call("GET", f"/tenants/{tenant}/snapshot?wait=2", headers=headers)
        tag = answer.get("ETag", tag)
        if status not in (200, 304):
            stop.wait(0.5)


def reads(api: Api, tenant: str, stop: threading.Event, pause: float) -> None:
    paths = [
        f"/routes/resolve?tenant={tenant}&service=web&env=prod&version=v1",
        f"/tenants/{tenant}/snapshot",
        f"/audit/verify?tenant={tenant}",
        f"/audit/events?tenant={tenant}&limit=5",
        f"/audit/export?tenant={tenant}",
        "/routes/resolve?tenant=nobody&service=web&env=prod&version=v1",
    ]
    for number in itertools.count():
        api.call("GET", paths[number % len(paths)])
        if number % 20 == 0:
            api.call("GET", "/tenants", token="tmk_wrong")
        if stop.wait(pause):
            return


def start(api: Api, tenant: str, stop: threading.Event, pause: float = 0.2, nodes: int = 3) -> list[threading.Thread]:
    api.call("POST", "/tenants", {"name": tenant})
    work = [(changes, (api, tenant, stop, pause * 5)), (reads, (api, tenant, stop, pause))]
    work += [(node, (api, tenant, f"node-{number}", stop)) for number in range(nodes)]
    threads = [threading.Thread(target=step, args=arguments, daemon=True) for step, arguments in work]
    for thread in threads:
        thread.start()
    return threads
