//! Lists in terminals of several widths, with names in several scripts.

use std::{fs, io::Read as _, path::Path, process::Stdio};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use serde_json::json;

use crate::{kaching::Kaching, serve::Server};

/// Names in Latin, Chinese and Japanese, Arabic, and emoji.
const NAMES: [&str; 4] = [
    "Grünwald & Söhne Präzisionswerkzeugbau Gesellschaft",
    "東京電力ホールディングス株式会社・日本橋支店第三営業部",
    "شركة الاتصالات السعودية للحلول الرقمية المتقدمة",
    "Happy 👩🏽🇩🇪🎉 Gru\u{308}n 👍🏿❤️ parties for everybody 🎈🎈🎈",
];

const LISTS: [&str; 5] = [
    "customer list --sort name",
    "license list",
    "activation list",
    "product list --sort code",
    "token list",
];

/// Returns both ends of a terminal of this width: the one that reads what it shows, and the one for a process.
pub(crate) fn terminal(width: u16) -> (fs::File, fs::File) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let size = Winsize { ws_row: 50, ws_col: width, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal, size).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let screen = fs::File::options().read(true).write(true).open(name).unwrap();
    (fs::File::from(terminal), screen)
}

/// Runs a command in a terminal of this width, without colours, and returns what the terminal shows.
fn shown(kaching: &Kaching, line: &str, width: u16, columns: Option<&str>) -> String {
    let (mut terminal, screen) = terminal(width);
    let mut command = kaching.command();
    command.args(line.split(' ')).env("NO_COLOR", "1").stdout(screen).stderr(Stdio::piped());
    if let Some(columns) = columns {
        command.env("COLUMNS", columns);
    }
    let mut child = command.spawn().unwrap();
    // Dropping the command closes the other end of the terminal, which ends the reading with an error.
    drop(command);
    let mut seen = Vec::new();
    let _ = terminal.read_to_end(&mut seen);
    assert!(child.wait().unwrap().success(), "{line}");
    String::from_utf8(seen).unwrap().replace("\r\n", "\n")
}

/// Replaces what differs in each run by something as wide: the symbols of ids, and the digits of dates.
fn stable(text: &str) -> String {
    let mut stable = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let id = rest.get(..30).filter(|id| {
            ["cus_", "lic_", "act_", "tok_"].iter().any(|kind| id.starts_with(kind))
                && id[4..].bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        });
        let date = rest.get(..10).filter(|date| {
            date.bytes()
                .enumerate()
                .all(|(at, b)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() })
        });
        // The time of day may follow.
        let time = rest.bytes().skip(10).take_while(|b| b" :0123456789".contains(b)).count();
        let (plain, length) = match (id, date) {
            (Some(id), _) => (format!("{}{}", &id[..4], "x".repeat(26)), 30),
            (_, Some(_)) => (rest[..10 + time].replace(|c: char| c.is_ascii_digit(), "0"), 10 + time),
            _ => (character.to_string(), character.len_utf8()),
        };
        stable.push_str(&plain);
        rest = &rest[length..];
    }
    stable
}

/// Customers, products and API tokens with these names; each customer has a license, and an installation of that name.
fn filled() -> (Kaching, Server) {
    let kaching = Kaching::new();
    let server = Server::start(&kaching, &[]);
    for (number, name) in NAMES.iter().enumerate() {
        let (code, reference) = (format!("p{number}"), format!("CUST-00{number}"));
        kaching.json(&["product", "create", "--code", &code, "--name", name]);
        kaching.json(&[
            "plan",
            "create",
            "--product",
            &code,
            "--code",
            "team",
            "--name",
            name,
            "--days",
            "365",
        ]);
        let customer = ["customer", "create", "--name", name, "--company", name, "--reference", &reference];
        kaching.json(&[&customer[..], &["--email", "it@acme.example", "--tag", "key-account"]].concat());
        let license = ["license", "create", "--customer", &reference, "--product", &code, "--plan", "team"];
        let license = kaching.json(&[&license[..], &["--tag", "reseller", "--tag", name]].concat());
        kaching.json(&["token", "create", "--name", name, "--scope", "read", "--scope", "customers:write"]);
        let activate = json!({
            "license_key": license["key"], "product": code, "fingerprint": format!("f-{number}"), "kind": "cluster",
            "nonce": "0123456789abcdef", "name": name, "version": "2.4.1",
        });
        assert!(server.post("/v1/activate", &activate)["activation"].is_object());
    }
    (kaching, server)
}

#[test]
fn lists_fit_the_terminal() {
    let (kaching, server) = filled();
    for width in [80, 120, 200] {
        let mut text = String::new();
        for line in LISTS {
            text.push_str(&format!("$ kaching {line}\n{}\n", stable(&shown(&kaching, line, width, None))));
        }
        let lines = text.lines().filter(|line| !line.starts_with('$'));
        for line in lines {
            let wide = kaching_command::output::width(line);
            assert!(wide <= usize::from(width), "{wide} columns of {width}: {line}");
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/recorded/columns-{width}.txt"));
        if std::env::var_os("KACHING_ACCEPT").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let recorded = fs::read_to_string(&path).unwrap_or_default();
        assert!(recorded == text, "{} is not what was shown; accept it:\n{text}", path.display());
    }
    server.stop();
}

#[test]
fn the_variable_of_the_width_is_for_terminals_alone() {
    let kaching = Kaching::new();
    kaching.json(&["seed"]);
    let full = kaching.run(&["customer", "list"]).out;
    let narrow = shown(&kaching, "customer list", 200, Some("60"));
    assert!(full.contains("key-account") && narrow.contains("The terminal is too narrow for"), "{narrow}");
    for columns in ["0", "wide", ""] {
        assert_eq!(shown(&kaching, "customer list", 200, Some(columns)), full, "{columns:?} is no width");
    }
    let mut command = kaching.command();
    let piped = command.args(["customer", "list"]).env("COLUMNS", "60").output().unwrap();
    assert_eq!(String::from_utf8(piped.stdout).unwrap(), full);
}
