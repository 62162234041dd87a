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
