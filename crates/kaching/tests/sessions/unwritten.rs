//! A change whose output cannot be written is reported with the object that changed.

use std::{fs::File, process::Stdio};

use serde_json::Value;

use crate::kaching::{Kaching, Said};

/// Runs a command whose output cannot be written: to a full disk, or to a closed pipe.
fn run(kaching: &Kaching, line: &str, full: bool) -> Said {
    let output = match full {
        true => Stdio::from(File::options().write(true).open("/dev/full").unwrap()),
        false => {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            Stdio::from(writer)
        }
    };
    let mut command = kaching.command();
    command.args(line.split_whitespace()).stdout(output).stderr(Stdio::piped());
    Said::of(&command.spawn().unwrap().wait_with_output().unwrap())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn a_change_whose_output_is_lost_names_the_changed_object() {
    for full in [true, false] {
        let kaching = Kaching::new();
        let license = text(&kaching.with_license()["id"]);
        let token = text(&kaching.json(&["token", "create", "--name", "x", "--scope", "read"])["id"]);
        kaching.json(&[
            "plan",
            "create",
            "--product",
            "chorus",
            "--code",
            "big",
            "--name",
            "Big",
            "--days",
            "9",
        ]);
        kaching.json(&["customer", "create", "--name", "B", "--reference", "CUST-002"]);
        // The command, and the object that it names.
        let changes = [
            ("product create --code zebra --name ZEBRA", "product zebra was created"),
            ("product edit zebra --name C --json", "product zebra was changed"),
            (
                "feature create --product zebra --code sso --title SSO --benefit B",
                "feature zebra:sso was created",
            ),
            ("feature edit zebra:sso --title S", "feature zebra:sso was changed"),
            ("feature archive zebra:sso", "feature zebra:sso was archived"),
            ("plan create --product zebra --code one --name One", "plan zebra:one was created"),
            ("plan edit zebra:one --name 1", "plan zebra:one was changed"),
            ("plan apply chorus:team --to all", "`apply` was done on plan chorus:team"),
            ("plan archive zebra:one", "plan zebra:one was archived"),
            ("product archive zebra", "product zebra was archived"),
            ("customer create --name A", "customer cus_"),
            ("customer edit CUST-002 --name C", "customer cus_"),
            (
                "license create --customer CUST-001 --product chorus --plan team",
                "Its key: kaching license key lic_",
            ),
            (
                "license create --count 3 --customer CUST-001 --product chorus --plan team --tag few",
                "3 licenses were created. `kaching license list --tag few` finds them",
            ),
            ("license edit LICENSE --tag x", "license LICENSE was changed"),
            ("license tag LICENSE --add y", "license LICENSE was changed"),
            ("license tag LICENSE LICENSE --add z", "license LICENSE was changed"),
            ("license suspend LICENSE --reason x", "`suspend` was done on license LICENSE"),
            ("license reinstate LICENSE", "license LICENSE"),
            ("license upgrade LICENSE --plan big", "license LICENSE"),
            ("license renew LICENSE", "license LICENSE"),
            ("license rekey LICENSE", "Its key: kaching license key LICENSE"),
            ("license transfer LICENSE --customer CUST-002", "license LICENSE"),
            ("license revoke LICENSE --yes", "`revoke` was done on license LICENSE"),
            ("license delete LICENSE --yes", "license LICENSE was deleted"),
            ("token create --name y --scope read", "Its secret is lost: kaching token archive tok_"),
            ("token edit TOKEN --name y", "token TOKEN was changed"),
            ("token archive TOKEN", "token TOKEN was archived"),
            ("key rotate", "key was created"),
            ("key root --save root.copy", "root.copy holds the private half"),
            ("backup all.backup", "the backup is in all.backup"),
        ];
        let filled = |text: &str| text.replace("LICENSE", &license).replace("TOKEN", &token);
        for (line, names) in changes.map(|(line, names)| (filled(line), filled(names))) {
            let said = run(&kaching, &line, full);
            assert_eq!(said.code, 1, "{line}: {}", said.err);
            assert!(
                said.err.contains("but it is done: ") && said.err.contains(&names),
                "{line}: {}",
                said.err
            );
        }
        let said = run(&Kaching::new(), "seed", full);
        assert!(said.code == 1 && said.err.contains("changes were made"), "{}", said.err);
        let kept = kaching.json(&["license", "list", "--customer", "CUST-001"]);
        let id = text(&kept["items"][0]["id"]);
        assert!(
            kaching.run(&["license", "key", &id]).out.starts_with("CHORUS-"),
            "the advice leads to the key"
        );
    }
}

#[test]
fn a_closed_output_is_no_failure_of_a_reading_command() {
    let kaching = Kaching::new();
    kaching.with_license();
    let said = run(&kaching, "license list", false);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let said = run(&kaching, "license list", true);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("could not be written") && !said.err.contains("done"), "{}", said.err);
}
