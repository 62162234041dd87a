//! Recorded sessions.

use crate::kaching::Kaching;

#[test]
fn a_license_from_the_first_product_to_its_end() {
    let mut kaching = Kaching::new();
    kaching.record("license list");
    kaching.record(
        "product create --code chorus --name CHORUS --contact-url https://chorus.example.com/upgrade",
    );
    kaching.record("product create --code chorus --name CHORUS");
    kaching.record(
        "feature create --product chorus --code federation --title Federation --benefit \"Link clusters across regions\"",
    );
    kaching.record(
        "plan create --product chorus --code team --name Team --rank 2 --limit activations=1 --limit nodes=25 \
         --limit jobs=10000/month:soft+10% --days 365 --kind cluster --price EUR:490000/year --offline-grace 5d",
    );
    kaching.record("plan create --product chorus --code enterprise --name Enterprise --rank 3 --feature federation --days 365");
    kaching
        .record("plan edit chorus:enterprise --limit nodes=unlimited --on-refusal degrade --keep federation");
    kaching.record(
        "customer create --name \"Acme Corp\" --reference CUST-001 --email it@acme.example --tag key-account",
    );
    kaching
        .record("license create --customer CUST-001 --product chorus --plan team --metadata order=2026-118");
    let list = kaching.json(&["license", "list"]);
    let id = list["items"][0]["id"].as_str().unwrap().to_owned();
    kaching.record("license list --customer CUST-001");
    kaching.record("license list --metadata order=2026-118");
    kaching.record("license list --metadata order=2026-119");
    kaching.record(&format!("license show {id}"));
    kaching.record(&format!("license suspend {id} --reason unpaid"));
    kaching.record(&format!("license suspend {id} --reason unpaid"));
    kaching.record(&format!("license reinstate {id}"));
    kaching.record(&format!("license reinstate {id}"));
    kaching.record(&format!("license upgrade {id} --plan enterprise"));
    kaching
        .record(&format!("license edit {id} --limit nodes=40 --tag reference --without-feature federation"));
    kaching.record(&format!("license renew {id} --days 30"));
    kaching.record(&format!("license rekey {id} --old-ends 7d"));
    kaching.record("plan apply chorus:enterprise --to renewing");
    kaching.record("stats");
    kaching.record(&format!("license revoke {id}"));
    kaching.record(&format!("license revoke {id} --yes"));
    kaching.record(&format!("license renew {id}"));
    kaching.record(&format!("license delete {id} --yes"));
    kaching.record("license list");
    kaching.record("license list --archived");
    kaching.record(&format!("audit list --target {id} --action license.suspend"));
    kaching.record(&format!(
        "audit list --license {id} --actor local --since 2026-01-01 --action license.reinstate"
    ));
    kaching.record("audit list --customer CUST-001 --until 2026-01-01");
    kaching.record("audit list --actor root");
    kaching.record("audit list --since yesterday");
    kaching.compare("license.txt");
}

#[test]
fn sample_data() {
    let mut kaching = Kaching::new();
    kaching.record("seed");
    kaching.record("seed");
    kaching.record("product list --sort code");
    kaching.record("plan list --product chorus --sort rank");
    kaching.record("feature list --product chorus --sort code");
    kaching.record("customer list --search acme");
    kaching.record("license list --state suspended");
    kaching.record("activation list --product chorus --kind cluster --customer CUST-005");
    kaching.record("activation list --health down");
    kaching.record("activation list --address somewhere");
    kaching.record("reminders");
    kaching.record("stats");
    kaching.compare("seed.txt");
}

#[test]
fn several_licenses_in_one_command() {
    let mut kaching = Kaching::new();
    kaching.with_license();
    let create = ["license", "create", "--customer", "CUST-001", "--product", "chorus", "--plan", "team"];
    let [one, two, three] = ["trial", "trial", "spare"].map(|tag| {
        let made = kaching.json(&[&create[..], &["--tag", tag]].concat());
        made["id"].as_str().unwrap().to_owned()
    });
    kaching.record("license list --sort created_at");
    kaching.record(&format!("license suspend {one} {two} --reason \"the fair is over\""));
    kaching.record(&format!("license suspend {one} {three} --reason \"the fair is over\""));
    kaching.record(&format!("license reinstate {one} {two} {three}"));
    kaching.record(&format!("license tag {one} {three} --add fair --remove trial"));
    kaching.record(&format!("license tag {two} --remove trial"));
    kaching.record("license renew --filter tag=fair --days 30");
    kaching.record("license renew --filter tag=fair --days 30 --yes");
    kaching.record("license renew --filter tag=nothing --yes");
    kaching.record("license suspend --filter colour=red --reason x --yes");
    kaching.record("license suspend --filter limit=10 --reason x --yes");
    kaching.record("license suspend --reason x");
    kaching.compare("several.txt");
}

#[test]
fn a_batch_of_licenses() {
    let mut kaching = Kaching::new();
    kaching.with_license();
    let create = "license create --customer CUST-001 --product chorus --plan team";
    kaching.record(&format!("{create} --count 3 --tag fair-2026"));
    kaching.record("stats");
    kaching.record(&format!("{create} --count 2 --tag fair-2027 --json"));
    kaching.record(&format!("{create} --count 0"));
    kaching.record(&format!("{create} --count 10001"));
    kaching.compare("batch.txt");
}
