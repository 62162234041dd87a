"""What the files of Prometheus, Alertmanager and Grafana have to be, without running them."""

from shared import DEPLOY, ROOT, RULES, RUNBOOK_BASE, alerts, dashboard, expect, metric, queries, read_yaml, rules, run, selectors

# The second one is evaluated every hour.
TESTS = ["kaching.rules.test.yml", "kaching.rules.days.test.yml"]


def check() -> None:
    tools()
    tests_of_alerts()
    compose_is_the_same()
    metrics_exist()
    panels()


def tools() -> None:
    prometheus, alertmanager = DEPLOY / "prometheus", DEPLOY / "alertmanager"
    run("promtool", "check", "rules", RULES)
    run("promtool", "check", "config", prometheus / "prometheus.yml", prometheus / "compose.yml")
    run("promtool", "test", "rules", *TESTS, within=prometheus)
    run("amtool", "check-config", alertmanager / "kaching.yml", alertmanager / "compose.yml")
    print(f"promtool and amtool find nothing in {len(alerts())} alerts, their tests and the configurations")


def tests_of_alerts() -> None:
    """Each alert has a test in which it rings, and one in which it does not; a page also one in which it ends."""
    rings, silent, ends = set(), set(), set()
    for group in (group for name in TESTS for group in read_yaml(DEPLOY / "prometheus" / name)["tests"]):
        rang = set()
        for case in group["alert_rule_test"]:
            name = case["alertname"]
            if case["exp_alerts"]:
                rings.add(name)
                rang.add(name)
            else:
                silent.add(name)
                if name in rang:
                    ends.add(name)
    for name, rule in alerts().items():
        expect(name in rings, f"no test shows that {name} rings")
        expect(name in silent, f"no test shows that {name} does not ring without a reason")
        # A server that is discovered again is the end of one: it was never a series.
        if rule["labels"]["severity"] == "page" and name != "KachingServersMissing":
            expect(name in ends, f"{name} wakes somebody, and no test shows that it ends")
    print(f"each of {len(rings)} alerts rings in a test and is silent in another; each page ends in one")


def compose_is_the_same() -> None:
    """compose.yml differs from the file for a machine in addresses and secrets alone."""
    machine, container = (read_yaml(DEPLOY / "prometheus" / name) for name in ("prometheus.yml", "compose.yml"))
    for config in (machine, container):
        config["alerting"]["alertmanagers"][0]["static_configs"] = []
        config["scrape_configs"][0]["static_configs"] = []
    expect(machine == container, "deploy/prometheus: compose.yml and prometheus.yml differ in more than targets")
    machine, container = (read_yaml(DEPLOY / "alertmanager" / name) for name in ("kaching.yml", "compose.yml"))
    expect(machine["global"].get("smtp_require_tls", True), "deploy/alertmanager/kaching.yml sends mail without TLS")
    for config in (machine, container):
        config["global"] = {}
        for receiver in config["receivers"]:
            for pager in receiver.get("pagerduty_configs", []):
                expect("routing_key" not in pager, "a routing key is in a file of its own")
                del pager["routing_key_file"]
    expect(machine == container, "deploy/alertmanager: compose.yml and kaching.yml differ in more than mail and secrets")
    print("the configurations for containers differ in addresses and secrets alone")


def metrics_exist() -> None:
    known = {"up"}
    for line in (ROOT / "surface/metrics.txt").read_text().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            ends = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "info": ["_info"]}.get(kind, [""])
            known |= {name + end for end in ends}
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    read = 0
    places = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()] + queries(dashboard())
    for place, expression in places:
        found = selectors(expression)
        expect(found, f"{place} reads no metric: {expression}")
        for name in map(metric, found):
            expect(name in known | recorded, f"{place} reads {name}, which is not in surface/metrics.txt")
            read += 1
    used = {name for _, expression in places for name in map(metric, selectors(expression))}
    expect(not recorded - used, f"recorded for nobody: {sorted(recorded - used)}")
    print(f"{len(places)} expressions read {len(used)} metrics, {read} times; all of them exist")


def panels() -> None:
    board = dashboard()
    expect(board["schemaVersion"] >= 39 and board["uid"] == "kaching", "the dashboard has no schema or another name")
    names = [variable["name"] for variable in board["templating"]["list"]]
    expect(names == ["datasource", "job", "instance"], f"the variables are {names}")
    ids = [panel["id"] for panel in board["panels"]]
    expect(len(ids) == len(set(ids)), "two panels have one id")
    taken: dict[tuple[int, int], str] = {}
    count = 0
    for panel in board["panels"]:
        title, at = panel["title"], panel["gridPos"]
        expect(at["x"] + at["w"] <= 24, f"{title} is wider than the page")
        for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            expect(cell not in taken, f"{title} lies on {taken.get(cell)}")
            taken[cell] = title
        if panel["type"] == "row":
            continue
        count += 1
        expect(panel.get("description", "").endswith("."), f"{title} has no description")
        expect(panel["fieldConfig"]["defaults"].get("unit"), f"{title} has no unit")
        expect(panel["datasource"]["uid"] == "${datasource}", f"{title} has a data source of its own")
        letters = [target["refId"] for target in panel["targets"]]
        expect(letters and len(letters) == len(set(letters)), f"two queries of {title} have one letter")
        for target in panel["targets"]:
            for selector in selectors(target["expr"]):
                expect('{job="$job",instance=~"$instance"' in selector, f"{title} does not select by job and server: {selector}")
        for link in panel.get("links", []):
            page = link["url"].removeprefix(RUNBOOK_BASE)
            expect((ROOT / "docs/runbooks" / page).is_file(), f"{title} links to {page}, which is no runbook")
    print(f"the dashboard has {count} panels with {len(queries(board))} queries, each with unit and description; none overlap")
