use super::*;

fn of(text: &str) -> Vec<HostPort> {
    parse(text, Duration::from_secs(5)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(text: &str) -> String {
    parse(text, Duration::from_secs(5)).err().unwrap_or_else(|| panic!("{text}: taken")).to_string()
}

#[test]
fn what_leaves_the_machine_is_encrypted_and_verified_unless_said_otherwise() {
    use SslMode::{Disable, Prefer, Require};
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/tests/tls/chain-1.pem");
    let with = |settings: &str| format!("postgres://u@db.example/n?{settings}").replace("FILE", file);
    for (text, mode, verify) in [
        ("postgres://u@db.example/n".to_owned(), Require, Verify::Full),
        ("host=db.example user=u".to_owned(), Require, Verify::Full),
        ("postgres://u@10.1.2.3/n".to_owned(), Require, Verify::Full),
        ("postgres://u@localhost.example/n".to_owned(), Require, Verify::Full),
        ("postgres://u@localhost/n".to_owned(), Prefer, Verify::Nothing),
        ("postgres://u@127.0.0.1/n".to_owned(), Prefer, Verify::Nothing),
        ("postgres://u@[::1]/n".to_owned(), Prefer, Verify::Nothing),
        ("host=db.example hostaddr=127.0.0.1 user=u".to_owned(), Prefer, Verify::Nothing),
        ("host=localhost hostaddr=10.1.2.3 user=u".to_owned(), Require, Verify::Full),
        ("postgres://u@%2Frun%2Fpostgresql/n".to_owned(), Disable, Verify::Nothing),
        ("postgres://u@%2Frun%2Fpostgresql/n?sslmode=verify-full".to_owned(), Disable, Verify::Nothing),
        (with("sslmode=disable"), Disable, Verify::Nothing),
        (with("sslmode=prefer"), Prefer, Verify::Nothing),
        (with("sslmode=require"), Require, Verify::Nothing),
        (with("sslmode=require&sslrootcert=FILE"), Require, Verify::Chain),
        (with("sslmode=require&sslrootcert=system"), Require, Verify::Full),
        (with("sslmode=verify-ca&sslrootcert=FILE"), Require, Verify::Chain),
        (with("sslmode=verify%2Dfull&sslrootcert=FILE"), Require, Verify::Full),
        (with("sslrootcert=FILE"), Require, Verify::Full),
        (format!("postgres://u@localhost/n?sslrootcert={file}"), Require, Verify::Full),
        (format!(r"sslrootcert = '{file}' host=h  sslmode=verify-ca user='u' "), Require, Verify::Chain),
    ] {
        let [server] = &of(&text)[..] else { panic!("{text}") };
        assert_eq!((server.tls.mode, server.tls.verify), (mode, verify), "{text}");
        assert_eq!(server.config.get_ssl_mode(), mode, "{text}");
    }
}

#[test]
fn each_of_several_servers_has_its_own_port_and_its_own_encryption() {
    let servers = of("postgresql://u:p%40ss@a:1,%2Ftmp%2Fx:2,[::1]:3/n?target_session_attrs=primary");
    let seen: Vec<_> = servers.iter().map(|server| (server.name.as_str(), server.tls.mode)).collect();
    assert_eq!(seen, [("a:1", SslMode::Require), ("/tmp/x", SslMode::Disable), ("::1:3", SslMode::Prefer)]);
    for (server, port) in servers.iter().zip(1..) {
        assert_eq!(server.config.get_ports(), [port]);
        assert_eq!(server.config.get_hosts().len(), 1);
        assert_eq!(server.config.get_user(), Some("u"));
        assert_eq!(server.config.get_password(), Some(&b"p@ss"[..]));
        assert_eq!(server.config.get_dbname(), Some("n"));
        assert_eq!(server.config.get_connect_timeout(), Some(&ONE_OF_SEVERAL));
    }
    let servers =
        of(r"host=a,b port=7 password='it\'s a \\ secret' user=u options='-c geqo=off' connect_timeout=9");
    assert_eq!(servers[1].name, "b:7");
    assert_eq!(servers[1].config.get_password(), Some(&br"it's a \ secret"[..]));
    assert_eq!(servers[1].config.get_options(), Some("-c geqo=off"));
    assert_eq!(servers[1].config.get_connect_timeout(), Some(&Duration::from_secs(9)));
}

#[test]
fn an_invalid_address_is_reported_without_its_password() {
    for (text, said) in [
        ("hunter2", "should look like"),
        ("postgres://u:hunter2@/n", "should look like"),
        ("postgres://u:hunter2@h/n?sslmode", "should look like"),
        ("postgres://u:hunter2@a,b/n?port=1,2,3", "should look like"),
        ("host=h password='hunter2", "should look like"),
        ("postgres://u:hunter2@h/n?sslmode=allow", "sslmode in its address is"),
        ("postgres://u:hunter2@h/n?sslmode=prefer&sslrootcert=/x", "say sslmode=verify-full"),
        (
            "postgres://u:hunter2@h/n?sslrootcert=/nowhere/ca.pem",
            "/nowhere/ca.pem, named by sslrootcert, cannot",
        ),
        ("postgres://u:hunter2@h/n?sslrootcert=/dev/null", "it holds no certificate"),
        ("postgres://u:hunter2@h/n?target_session_attrs=standby", "nothing is decided on a read replica"),
        ("postgres://u:hunter2@h/n?sslcert=hunter2", "a setting that is not known: `sslcert`"),
    ] {
        let refusal = refusal(text);
        assert!(refusal.contains(said) && !refusal.contains("hunter2"), "{text}: {refusal}");
    }
}
