"""Whom an alarm reaches: the pager for a page, a mailbox for a ticket, and nobody for what follows from a known cause."""

import json
import urllib.request

from authorities import Shared
from receivers import MailServer, Pager
from service import get_json, until
from shared import RUNBOOK_BASE, alerts, expect


def page(pager: Pager, shared: Shared, routing_key: str) -> None:
    """A server that stops wakes somebody once, and its return ends that."""
    def events(action: str) -> list[dict]:
        found = [event for event in pager.events if event["event_action"] == action]
        return [event for event in found if action == "resolve" or event["payload"]["class"] == "server-down"]

    shared.stop()
    until(lambda: events("trigger"), lambda: f"nobody was paged: {pager.events}")
    event = events("trigger")[0]
    payload, runbook = event["payload"], f"{RUNBOOK_BASE}server-down.md"
    expect(event["routing_key"] == routing_key, "the event has another routing key than the file")
    expect(event["dedup_key"], "the event has no dedup_key")
    expect(payload["severity"] == "critical", f"the severity is {payload['severity']}")
    expect(payload["summary"] == f"{shared.address} does not answer", f"the summary is {payload['summary']}")
    expect((payload["component"], payload["group"]) == ("kaching", "kaching"), f"the event is about {payload}")
    expect(event["links"] == [{"href": runbook, "text": "What to do"}], f"the links are {event['links']}")
    expect(runbook in payload["custom_details"]["alerts"], "the details do not say what to do")
    expect(event["client"] == "Kaching", "the event does not name its sender")
    shared.start()
    same = lambda: [ended for ended in events("resolve") if ended["dedup_key"] == event["dedup_key"]]  # noqa: E731
    until(same, lambda: f"the page does not end: {pager.events}")
    print(f"a server that stops pages “{payload['summary']}” with the runbook's link; its return resolves the same dedup_key")


def tickets(mail: MailServer, shared: Shared) -> None:
    """A ticket goes to the operators by mail, and licenses that end to sales."""
    def to(address: str, subject: str) -> str | None:
        for recipients, message in mail.mail:
            if recipients == [address] and subject in message["Subject"]:
                return message.get_body(("plain",)).get_content()
        return None

    def seen() -> str:
        return f"{[(recipients, message['Subject']) for recipients, message in mail.mail]} refused: {mail.refused}"

    operators = until(
        lambda: to("kaching-operators@example.com", f"The certificate of {shared.address} ends in 9d"),
        lambda: f"no mail about the certificate: {seen()}",
    )
    expect(f"{RUNBOOK_BASE}certificate.md" in operators, f"the mail does not say what to do: {operators}")
    sales = until(
        lambda: to("kaching-sales@example.com", "licenses end without a renewal"), lambda: f"no mail to sales: {seen()}"
    )
    expect(f"{RUNBOOK_BASE}revenue.md" in sales, f"the mail does not say what to do: {sales}")
    wrong = [recipients for recipients, message in mail.mail if "does not answer" in message["Subject"]]
    expect(not wrong, f"a page came by mail: {wrong}")
    expect(not mail.refused, f"the mail server refused {mail.refused}")
    print(f"{len(mail.mail)} tickets arrive by mail, over TLS and with the password: to the operators, and licenses that end to sales")


SILENCES = [  # what rings, what it silences, and what it does not
    ("KachingServerDown", "KachingCertificateEnds", "server", True),
    ("KachingServerDown", "KachingCertificateEnds", "another", False),
    ("KachingDiskFull", "KachingDiskFills", "server", True),
    ("KachingDiskFull", "KachingDiskFills", "another", False),
    ("KachingDiskFull", "KachingBackupsFail", "server", False),
    ("KachingDatabaseDown", "KachingNotReady", "server", True),
    ("KachingClockWrong", "KachingNotReady", "another", False),
    ("KachingDatabaseDown", "KachingHeartbeatFailuresHigh", None, True),
    ("KachingNotReady", "KachingCallsFail", None, True),
    ("KachingHeartbeatFailuresHigh", "KachingHeartbeatFailures", None, True),
    ("KachingHeartbeatFailures", "KachingHeartbeatFailuresHigh", None, False),
]


def silences(alertmanager: str) -> None:
    """A cause silences what follows from it, and nothing else."""
    known = alerts()

    def alert(name: str, job: str, instance: str | None) -> dict:
        labels = {"alertname": name, "job": job, **known[name]["labels"], **({"instance": instance} if instance else {})}
        return {"labels": labels, "annotations": known[name]["annotations"]}

    sent = []
    for number, (cause, effect, place, _) in enumerate(SILENCES):
        # Alerts about calls are about a job, those of a server name it.
        own = None if known[cause]["labels"]["topic"] in ("heartbeats", "calls") else "server"
        sent += [alert(cause, f"case-{number}", own), alert(effect, f"case-{number}", place)]
    body = json.dumps(sent).encode()
    request = urllib.request.Request(f"{alertmanager}/api/v2/alerts", body, headers={"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()

    def states() -> dict[tuple[str, str], bool] | None:
        found = {
            (one["labels"]["job"], one["labels"]["alertname"]): one
            for one in get_json(f"{alertmanager}/api/v2/alerts") if one["labels"].get("job", "").startswith("case-")
        }
        done = len(found) == len(sent) and all(one["status"]["state"] != "unprocessed" for one in found.values())
        return {key: bool(one["status"]["inhibitedBy"]) for key, one in found.items()} if done else None

    found = until(states, "Alertmanager does not take the alerts")
    for number, (cause, effect, place, silent) in enumerate(SILENCES):
        expect(found[f"case-{number}", effect] == silent, f"{cause} {'does not silence' if silent else 'silences'} {effect} of {place or 'the job'}")
        # A page silences the ticket that is here the cause.
        expect(not silent or not found[f"case-{number}", cause], f"{effect} silences {cause}")
    print(f"{sum(case[3] for case in SILENCES)} causes silence what follows from them, and {sum(not case[3] for case in SILENCES)} others do not")
