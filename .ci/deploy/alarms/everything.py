"""What the files of the alarms do: real authorities under load, a real Prometheus, a real Alertmanager, and who they call."""

import math
import re
from pathlib import Path

import ringing
import yaml
from authorities import Load, Sample, Shared
from receivers import MailServer, Pager
from runbook_commands import check_commands
from service import Service, free_port, query, until
from shared import DEPLOY, RULES, dashboard, expect, queries, read_yaml, rules, selectors

USER, PASSWORD, ROUTING_KEY = "kaching@example.com", "the password of a mailbox", "0123456789abcdef0123456789abcdef"


def check() -> None:
    with Service() as service:
        binary = service.kaching()
        check_commands(binary)
        # It ends in ten days: one of the tickets is about that.
        certificate = service.certificate(days=10)
        sample, shared = Sample(service, binary), Shared(service, binary, service.start_postgres(), certificate)
        shared.start()
        shared.command("seed")
        # What is counted every ten minutes is counted at the start.
        shared.stop()
        shared.start()
        print(f"two authorities serve: {sample.address} on SQLite, {shared.address} on PostgreSQL with TLS and backups")
        pager, mail = Pager(), MailServer(*certificate, USER, PASSWORD)
        try:
            alertmanager = service.start_alertmanager(alertmanager_config(service, pager, mail), address := f"127.0.0.1:{free_port()}")
            with Load(sample, service.folder) as load:
                prometheus = service.start_prometheus(prometheus_config(service, sample, shared, address))
                draws(prometheus, load)
                reads(prometheus)
                until(lambda: load.calls > 10, lambda: f"there was no load: {load.failures[:3]}")
            ringing.page(pager, shared, ROUTING_KEY)
            ringing.tickets(mail, shared)
            ringing.silences(alertmanager)
        finally:
            pager.close()
            mail.close()


def prometheus_config(service: Service, sample: Sample, shared: Shared, alertmanager: str) -> Path:
    """prometheus.yml with these targets, that looks every second; and the rules, that wait for seconds instead of minutes."""
    config = read_yaml(DEPLOY / "prometheus/prometheus.yml")
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager]
    plain = config["scrape_configs"][0]
    plain["static_configs"] = [{"targets": [sample.address]}]
    encrypted = {
        **plain, "job_name": "encrypted", "scheme": "https", "tls_config": {"ca_file": str(service.folder / "certificate.pem")},
        "static_configs": [{"targets": [shared.address], "labels": {"job": plain["job_name"]}}],
    }
    config["scrape_configs"].append(encrypted)
    text = re.sub(r"^( +for:) .*$", r"\1 3s", RULES.read_text(), flags=re.M)
    (service.folder / RULES.name).write_text(text)
    path = service.folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    return path


def alertmanager_config(service: Service, pager: Pager, mail: MailServer) -> Path:
    """kaching.yml with this pager and mail server, that waits for seconds instead of minutes."""
    folder = service.folder
    for name, secret in (("pagerduty-key", ROUTING_KEY), ("smtp-password", PASSWORD)):
        (folder / name).write_text(secret)
    text = (DEPLOY / "alertmanager/kaching.yml").read_text().replace("/etc/alertmanager/", f"{folder}/")
    text = re.sub(r"(group_wait|group_interval): .*", r"\1: 1s", text)
    text = text.replace("smtp.example.com:587", f"localhost:{mail.port}")
    text = text.replace("global:\n", f"global:\n  pagerduty_url: {pager.url}\n  resolve_timeout: 10s\n", 1)
    (folder / "kaching.tmpl").write_text((DEPLOY / "alertmanager/kaching.tmpl").read_text())
    path = folder / "alertmanager.yml"
    path.write_text(text)
    return path


def draws(prometheus: str, load: Load) -> None:
    """Each query of the dashboard has a number to draw."""
    missing = {
        (title, expression): re.sub(r"\$__rate_interval", "30s", expression.replace("$job", "kaching").replace("$instance", ".*"))
        for title, expression in queries(dashboard())
    }
    total = len(missing)

    def all_drawn() -> bool:
        for key, expression in list(missing.items()):
            # Something that has started is shown as an event, and nothing else is empty on purpose.
            found = query(prometheus, expression.removesuffix(" > 0") if expression.startswith("changes(") else expression)
            if any(math.isfinite(float(series["value"][1])) for series in found):
                del missing[key]
        return not missing

    def sentence() -> str:
        return "these panels are empty: " + "; ".join(f"{title}: {expression}" for title, expression in missing) + f" ({load.failures[:3]})"

    until(all_drawn, sentence, seconds=150)
    print(f"{total} queries of the dashboard draw numbers, on SQLite and PostgreSQL, after {load.calls} rounds of load")


def reads(prometheus: str) -> None:
    """Each rule is evaluated, and none reads a series that no authority has."""
    count = 0
    for rule in rules():
        query(prometheus, rule["expr"])
        for selector in selectors(rule["expr"]):
            found = query(prometheus, selector)
            expect(found, f"{rule.get('alert') or rule['record']} reads {selector}, which no authority has")
            count += 1
    for engine_only in ("kaching_database_disk_free_bytes > 0", "kaching_http_tls_certificate_end_seconds > 0"):
        expect(len(query(prometheus, engine_only)) == 1, f"{engine_only} is not true of one of the two authorities")
    print(f"{len(rules())} rules are evaluated, and each of the {count} series that they read is there")
