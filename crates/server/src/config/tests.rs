use super::*;

fn read(file: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Config::read(file, &environment, |name| match name {
        "/run/url" => Ok("postgres://kaching@db/kaching\n".to_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    })
}

#[test]
fn the_defaults_make_sense() {
    let config = read("", &[]).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:7700");
    assert_eq!(config.private_address(), None);
    assert_eq!(config.issuer(config.server.listen).as_str(), "http://127.0.0.1:7700");
    assert!(config.database.url.is_none() && config.keys.master.is_none());
}

#[test]
fn the_environment_wins_over_the_file() {
    let file = "[server]\nlisten = '0.0.0.0:80'\npublic_url = 'https://example.com/licenses/'";
    let environment = [
        ("KACHING_SERVER__LISTEN", "0.0.0.0:81"),
        ("KACHING_SERVER__TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
        ("KACHING_DATABASE__URL_FILE", "/run/url"),
        ("KACHING_DATA", "/var/lib/kaching"),
        ("KACHING_SERVER", "https://example.com"),
        ("KACHING_PORT_7700_TCP", "tcp://10.0.0.1:7700"),
        ("HOME", "/"),
    ];
    let config = read(file, &environment).unwrap();
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:81");
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert_eq!(config.private_address().unwrap().to_string(), "127.0.0.1:7701");
    assert_eq!(config.database.url.as_ref().unwrap().expose(), "postgres://kaching@db/kaching");
    let issuer = config.issuer(config.server.listen);
    assert_eq!((issuer.as_str(), issuer.path()), ("https://example.com/licenses", "/licenses"));
}

#[test]
fn invalid_settings_are_refused_by_name() {
    type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str);
    let cases: [Case; 17] = [
        ("listen = 1", &[], "outside of a section"),
        ("[sever]\nlisten = '1'", &[], "no section 'sever'"),
        ("[server]\nlisen = '1'", &[], "no setting 'server.lisen'"),
        ("[server]\nlisten = 'here'", &[], "an address with a port"),
        ("[server]\nlisten = 7700", &[], "an address with a port"),
        ("[server", &[], "cannot be read"),
        ("[server]\ntls_cert = 'a'", &[], "go together"),
        ("[server]\npublic_url = 'ftp://x'", &[], "not a URL"),
        ("[limits]\nfailures_per_minute = 0", &[], "at least 1"),
        ("", &[("KACHING_SERVER__REQUEST_TIMEOUT_S", "soon")], "KACHING_SERVER__REQUEST_TIMEOUT_S"),
        ("", &[("KACHING_DATABASE__URL_FILE", "/gone")], "/gone"),
        ("", &[("KACHING_SERVER__COLOUR", "blue")], "server.colour"),
        ("", &[("KACHING_SERVER_LISTEN", "[::]:1")], "it is KACHING_SERVER__LISTEN"),
        ("", &[("KACHING_KEYS_MASTER_FILE", "/m")], "it is KACHING_KEYS__MASTER_FILE"),
        ("", &[("KACHING_SERVER__LISTEN", "x")], "the setting server.listen makes no sense"),
        ("", &[("KACHING_SERVER__PUBLIC_URL", "x")], "the setting server.public_url makes no sense"),
        ("[log]\nformat = 'xml'", &[], "the setting log.format makes no sense"),
    ];
    for (file, environment, expected) in cases {
        let message = read(file, environment).err().unwrap().to_string();
        assert!(message.contains(expected), "{message} should contain {expected}");
    }
}

#[test]
fn no_message_holds_a_secret() {
    let cases = [
        ("[keys]\nmaster = 'hush", "line 2, column "),
        ("[keys]\n\nmaster = hush", "line 3, column "),
        ("[keys]\nmaster = 'a' 'hush'", "line 2, column "),
        ("[database]\nurl = 4711", "database.url makes no sense"),
        ("[keys]\nmaster = ['hush']", "keys.master makes no sense"),
        ("[keys]\nroot_passphrase = 4711", "keys.root_passphrase makes no sense"),
    ];
    for (file, expected) in cases {
        let message = read(file, &[]).err().unwrap().to_string();
        assert!(message.contains(expected), "{message} should contain {expected}");
        assert!(
            !message.contains("hush") && !message.contains("4711") && !message.contains('\n'),
            "{message}"
        );
    }
}

#[test]
fn doubtful_settings_are_reported() {
    let doubts = |file: &str| {
        let config = read(&format!("{file}\n[keys]\nroot_passphrase = 'x'"), &[]).unwrap();
        config.doubts(config.server.listen).len()
    };
    let tls = "tls_cert = 'a'\ntls_key = 'b'";
    assert_eq!(doubts(""), 0);
    assert_eq!(doubts("[server]\nlisten = '0.0.0.0:1'"), 1);
    assert_eq!(doubts("[server]\nlisten = '192.0.2.1:1'"), 1);
    assert_eq!(doubts(&format!("[server]\nlisten = '[::]:1'\n{tls}")), 1);
    assert_eq!(doubts(&format!("[server]\nlisten = '192.0.2.1:1'\n{tls}")), 0);
    assert_eq!(doubts("[server]\nlisten = '0.0.0.0:1'\npublic_url = 'https://example.com'"), 0);
    let shared = "[database]\nurl = 'postgres://db/kaching'\n";
    assert_eq!(doubts(shared), 1);
    assert_eq!(doubts(&format!("{shared}[server]\npublic_url = 'https://example.com'")), 0);
    let config = read("", &[]).unwrap();
    assert!(config.doubts(config.server.listen)[0].contains("keys.root_passphrase"));
}

/// `surface/config.schema.json` is written from the code: accept a change with KACHING_ACCEPT=1.
#[test]
fn the_schema_of_the_settings_is_written_down() {
    use utoipa::{PartialSchema, ToSchema};
    let mut schemas = Vec::new();
    Config::schemas(&mut schemas);
    let mut root = serde_json::to_value(Config::schema()).unwrap();
    root["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    root["$defs"] = serde_json::to_value(schemas.into_iter().collect::<BTreeMap<String, _>>()).unwrap();
    let text = format!("{root:#}\n").replace("#/components/schemas/", "#/$defs/");
    crate::surface::check("config.schema.json", &text);
    // What has a schema has a default that explains it, and the reverse.
    let defaults: toml::Table = DEFAULTS.parse().unwrap();
    let properties = |schema: &serde_json::Value| -> Vec<String> {
        let names: std::collections::BTreeSet<_> =
            schema["properties"].as_object().unwrap().keys().cloned().collect();
        names.into_iter().collect()
    };
    for section in properties(&root) {
        let reference = text_of(&root["properties"][&section]);
        let schema = &root["$defs"][reference];
        let keys: Vec<_> = defaults[&section].as_table().unwrap().keys().cloned().collect();
        assert_eq!(properties(schema), keys, "[{section}]");
    }
}

fn text_of(property: &serde_json::Value) -> &str {
    let reference = property["$ref"].as_str().or_else(|| property["allOf"][0]["$ref"].as_str());
    reference.unwrap().rsplit('/').next().unwrap()
}

#[test]
fn a_log_level_is_a_level() {
    for filter in
        ["info", "INFO", "off", "info,kaching_db=debug", "warn, kaching_server[call{route=a,b}]=trace"]
    {
        let file = format!("[log]\nlevel = '{filter}'");
        assert_eq!(read(&file, &[]).unwrap().log.level.as_str(), filter);
    }
    for filter in ["", "inof", "info,kaching_db", "info,kaching_db=debgu", "info,,debug", "5"] {
        let said = read("", &[("KACHING_LOG__LEVEL", filter)]).err().unwrap().to_string();
        assert!(said.contains("log.level") && said.contains("is not a level"), "{filter}: {said}");
    }
}

/// Every setting has a type, but for paths and secrets, which may be any text.
#[test]
fn nonsense_is_refused_with_the_name_of_its_setting() {
    let free = ["tls_cert", "tls_key", "url", "master", "root_passphrase", "directory"];
    let defaults: toml::Table = DEFAULTS.parse().unwrap();
    let mut seen = 0;
    for (section, settings) in &defaults {
        for (name, default) in settings.as_table().unwrap() {
            for nonsense in ["'no such thing, [at all'", "-1.5", "[{}]"] {
                let free = default.is_str() && free.contains(&name.as_str());
                if free && nonsense.starts_with('\'') {
                    continue;
                }
                let read = read(&format!("[{section}]\n{name} = {nonsense}"), &[]);
                let said = read.err().unwrap_or_else(|| panic!("{section}.{name} = {nonsense}")).to_string();
                assert!(said.contains(&format!("{section}.{name}")), "{nonsense}: {said}");
                let theirs = kaching_testkit::word_of_rust(&said, &["invalid ", "sequence", "floating"]);
                assert_eq!(theirs, None, "{section}.{name}: {said}");
                seen += 1;
            }
        }
    }
    assert!(seen > 150, "{seen}: are the settings read?");
}
