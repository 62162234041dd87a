//! The proxies of docs/scaling.md, with the configurations of that page.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use tempfile::TempDir;

use crate::wire::Target;

const PAGE: &str = include_str!("../../../../docs/scaling.md");
const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/tests/tls/chain-1.pem");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/tests/tls/key-1.pem");

/// Ends the proxy when its own input ends, which is when its owner does, however that ends.
const KEEPER: &str = r#""$@" </dev/null & while read -r _; do :; done; kill $!; wait $! 2>/dev/null"#;

/// One that runs until this is dropped or the test's process ends.
pub(crate) struct Proxy {
    pub(crate) name: &'static str,
    pub(crate) products: Target,
    pub(crate) operators: Target,
    keeper: Child,
    folder: TempDir,
}

impl Proxy {
    pub(crate) fn nginx(servers: &[SocketAddr]) -> Self {
        let mut begun = Configured::from_page("nginx", servers);
        begun.replace("listen 443 ssl", &format!("listen {} ssl", begun.products));
        begun.replace("/etc/nginx/licenses.crt", CERTIFICATE);
        begun.replace("/etc/nginx/licenses.key", KEY);
        let home = begun.folder.path().display().to_string();
        begun.replace("/run/nginx.pid", &format!("{home}/nginx.pid"));
        begun.replace("/var/log/nginx/", &format!("{home}/"));
        // Folders that the package keeps for its own user.
        let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let own: String = folders.iter().map(|name| format!("{name}_temp_path {home}/{name};\n")).collect();
        begun.replace("http {\n", &format!("http {{\n{own}"));
        // Who is root stays it, or could not enter these folders; for others the word has no meaning.
        begun.run("nginx-light", &["-g", "daemon off; user root;", "-e", "stderr", "-c"])
    }

    pub(crate) fn haproxy(servers: &[SocketAddr]) -> Self {
        let mut begun = Configured::haproxy(servers);
        let both = begun.folder.path().join("both.pem");
        fs::write(&both, [fs::read(CERTIFICATE).unwrap(), fs::read(KEY).unwrap()].concat()).unwrap();
        begun.replace("/etc/haproxy/licenses.pem", both.to_str().unwrap());
        begun.run("haproxy", &["-db", "-f"])
    }

    /// As where something else ends TLS before it.
    pub(crate) fn haproxy_without_tls(servers: &[SocketAddr]) -> Self {
        let mut begun = Configured::haproxy(servers);
        begun.replace(" ssl crt /etc/haproxy/licenses.pem", "");
        begun.run("haproxy", &["-db", "-f"])
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
        if thread::panicking() {
            for log in ["error.log", "standard-error"] {
                let said = fs::read_to_string(self.folder.path().join(log)).unwrap_or_default();
                println!("{} said: {said}", self.name);
            }
        }
    }
}

/// A configuration of which addresses, ports and paths are replaced by what is there.
struct Configured {
    name: &'static str,
    text: String,
    folder: TempDir,
    products: SocketAddr,
    operators: SocketAddr,
}

impl Configured {
    fn from_page(name: &'static str, servers: &[SocketAddr]) -> Self {
        let (_, block) = PAGE.split_once(&format!("```{name}\n")).expect("the page has it");
        let text = block.split_once("```").expect("the block ends").0.to_owned();
        let (folder, products, operators) = (tempfile::tempdir().unwrap(), free(), free());
        let mut begun = Self { name, text, folder, products, operators };
        for (at, server) in servers.iter().enumerate() {
            // On loopback one address is for both.
            for port in [7700, 7701] {
                begun.replace(&format!("10.0.0.1{}:{port}", at + 1), &server.to_string());
            }
        }
        begun.replace("10.0.0.1:7701", &operators.to_string());
        begun
    }

    fn haproxy(servers: &[SocketAddr]) -> Self {
        let mut begun = Self::from_page("haproxy", servers);
        begun.replace("bind :443", &format!("bind {}", begun.products));
        begun
    }

    fn replace(&mut self, from: &str, to: &str) {
        assert!(self.text.contains(from), "docs/scaling.md has no {from} for {}", self.name);
        self.text = self.text.replace(from, to);
    }

    /// Starts it; the file of the configuration is its last argument.
    fn run(self, package: &str, arguments: &[&str]) -> Proxy {
        let Self { name, text, folder, products, operators } = self;
        assert!(!text.contains("10.0.0.") && !text.contains("/etc/"), "an example was left:\n{text}");
        let tls = text.contains(" ssl");
        let file = folder.path().join("configuration");
        fs::write(&file, text).unwrap();
        let errors = File::create(folder.path().join("standard-error")).unwrap();
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(program(name, package))
            .args(arguments)
            .arg(file)
            .stdin(Stdio::piped())
            .stderr(errors)
            // A signal to the owner's process group is not for the keeper: it still has to end the proxy.
            .process_group(0)
            .spawn()
            .unwrap();
        let through = |address| if tls { Target::over_tls(address, CERTIFICATE) } else { address.into() };
        Proxy { name, products: through(products), operators: through(operators), keeper, folder }
    }
}

/// An address that is free now.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Debian has both in /usr/sbin, which is not on everybody's path.
fn program(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([Path::new("/usr/sbin").to_owned()])
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .unwrap_or_else(|| {
            panic!("{name} is not installed: install it, on Debian as root: apt-get install {package}")
        })
}
