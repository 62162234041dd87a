//! Encrypted connections to a server whose certificate the test makes.

use std::{fs, path::PathBuf, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kaching_db::{Config, Db, Error, Metrics};
use kaching_testkit::Server;
use prometheus_client::registry::Registry;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P384_SHA384, date_time_ymd,
};
use tempfile::TempDir;

/// A server that offers TLS, with a certificate for `db.test`.
struct Encrypting {
    server: Server,
    folder: TempDir,
}

/// What is wrong with the certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Certificate {
    Good,
    Ended,
}

impl Encrypting {
    fn start(certificate: Certificate) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = || {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            // Signs with SHA-384, which the binding of a password to the connection then has to take.
            let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
            (params.self_signed(&key).unwrap(), Issuer::new(params, key))
        };
        let ((root, issuer), (stranger, _)) = (authority(), authority());
        let mut params = CertificateParams::new(vec!["db.test".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if certificate == Certificate::Ended {
            params.not_after = date_time_ymd(2001, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let chain = params.signed_by(&key, &issuer).unwrap();
        let put = |name: &str, label: &str, der: &[u8]| {
            let text = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der));
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        put("root.pem", "CERTIFICATE", root.der());
        put("stranger.pem", "CERTIFICATE", stranger.der());
        let chain = put("chain.pem", "CERTIFICATE", chain.der());
        let key = put("key.pem", "PRIVATE KEY", key.serialized_der());
        Self { server: Server::encrypting(&chain, &key), folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its address by a name, with settings in which FILE is the folder of the certificates.
    fn address(&self, name: &str, settings: &str) -> String {
        let settings = settings.replace("FILE", self.folder.path().to_str().unwrap());
        format!(
            "host={name} hostaddr=127.0.0.1 port={} user=kaching dbname=postgres {settings}",
            self.server.port()
        )
    }

    async fn open(&self, name: &str, settings: &str) -> Result<Db, String> {
        open(self.address(name, settings)).await
    }
}

async fn open(address: String) -> Result<Db, String> {
    let mut config = Config::postgres(address);
    config.deadline = Duration::from_secs(10);
    let opened = Db::open(config, Metrics::register(&mut Registry::default())).await;
    opened.map_err(|error| match error {
        Error::Unavailable(why) => why,
        other => panic!("{other:?}"),
    })
}

async fn is_encrypted(db: &Db) -> bool {
    let sql = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    db.read("test.encrypted", move |tx| tx.query_one(sql, &[], |row| row.get(0))).await.unwrap()
}

#[tokio::test]
async fn a_connection_is_encrypted_as_its_address_says() {
    let server = Encrypting::start(Certificate::Good);
    for (name, settings, encrypted) in [
        ("db.test", "", true),
        ("db.test", "sslmode=disable", false),
        ("db.test", "sslmode=prefer", true),
        ("elsewhere.test", "sslmode=require", true),
        ("elsewhere.test", "sslmode=require sslrootcert=FILE/root.pem", true),
        ("elsewhere.test", "sslmode=verify-ca sslrootcert=FILE/root.pem", true),
        ("db.test", "sslmode=verify-full sslrootcert=FILE/root.pem", true),
        ("db.test", "sslrootcert=FILE/root.pem", true),
    ] {
        let db = server.open(name, settings).await.unwrap_or_else(|why| panic!("{settings}: {why}"));
        assert_eq!(is_encrypted(&db).await, encrypted, "{settings}");
        db.close().await;
    }
}

#[tokio::test]
async fn a_server_that_does_not_prove_itself_is_reported_with_a_remedy() {
    let (good, ended) = (Encrypting::start(Certificate::Good), Encrypting::start(Certificate::Ended));
    for (server, name, settings, said) in [
        (&good, "db.test", "sslmode=verify-full", "no authority of the web signed its certificate"),
        (
            &good,
            "db.test",
            "sslmode=verify-ca sslrootcert=FILE/stranger.pem",
            "stranger.pem signed its certificate",
        ),
        (&good, "elsewhere.test", "sslmode=require sslrootcert=FILE/stranger.pem", "stranger.pem signed its"),
        (&good, "elsewhere.test", "sslmode=verify-full sslrootcert=FILE/root.pem", "is for db.test:"),
        (&ended, "db.test", "sslmode=verify-ca sslrootcert=FILE/root.pem", "its certificate has ended"),
        (&ended, "db.test", "sslmode=verify-full sslrootcert=FILE/root.pem", "its certificate has ended"),
    ] {
        let why = server.open(name, settings).await.err().unwrap_or_else(|| panic!("{settings}: taken"));
        assert!(why.starts_with(&format!("{name}:{}: ", server.server.port())), "{settings}: {why}");
        assert!(why.contains(said), "{settings}: {why}");
    }
    // An address that asks for no proof gets none.
    ended.open("db.test", "sslmode=require").await.unwrap().close().await;
}

#[tokio::test]
async fn a_server_without_tls_is_taken_only_where_that_was_said() {
    let server = Server::listening();
    let address =
        |settings: &str| format!("postgresql://kaching@127.0.0.1:{}/postgres?{settings}", server.port());
    for settings in ["sslmode=require", "sslmode=verify-full", "sslrootcert=system"] {
        let why = open(address(settings)).await.err().unwrap();
        assert!(why.contains("it offers no TLS: switch it on there (ssl = on)"), "{settings}: {why}");
    }
    for settings in ["", "sslmode=prefer", "sslmode=disable"] {
        open(address(settings)).await.unwrap().close().await;
    }
}

#[tokio::test]
async fn a_password_is_proved_for_this_connection_alone() {
    let server = Encrypting::start(Certificate::Good);
    let db = server.open("db.test", "sslmode=disable").await.unwrap();
    // The server's own files: who may come in, and how.
    db.write("test.passwords", |tx| {
        tx.execute("create role guarded login password 'hunter2'", &[])?;
        tx.execute("grant create on schema public to guarded", &[])?;
        tx.execute(
            "do $$ begin execute format('copy (values (%L), (%L)) to %L', 'local all all trust',
                 'hostssl all guarded 127.0.0.1/32 scram-sha-256', current_setting('hba_file')); end $$",
            &[],
        )?;
        tx.query_one("select pg_reload_conf()", &[], |row| row.get::<bool>(0))
    })
    .await
    .unwrap();
    db.close().await;
    let address = |settings: &str, password: &str| {
        let address = server.address("db.test", settings);
        format!("{} password={password}", address.replace("user=kaching", "user=guarded"))
    };
    let bound = "sslmode=verify-full sslrootcert=FILE/root.pem channel_binding=require";
    // The new rules are in force when the old ones are not.
    while let Ok(db) = server.open("db.test", "sslmode=disable").await {
        db.close().await;
    }
    let db = open(address(bound, "hunter2")).await.unwrap();
    assert!(is_encrypted(&db).await);
    db.close().await;
    let why = open(address(bound, "hunter3")).await.err().unwrap();
    assert!(why.contains("password authentication failed") && !why.contains("hunter"), "{why}");
    let why = open(address("sslmode=disable", "hunter2")).await.err().unwrap();
    assert!(why.contains("no encryption") && !why.contains("hunter"), "{why}");
    assert!(server.file("key.pem").exists());
}
