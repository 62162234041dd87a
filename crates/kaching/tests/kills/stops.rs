//! A host that has asked to be ended when its license does.

use std::{
    io::{BufRead as _, BufReader, Lines},
    process::{Child, ChildStdout},
    time::Duration,
};

use kaching_client::{Builder, State};
use kaching_testkit::Engine;
use serde_json::json;

use crate::{host::say, hosts::Hosts};

/// Runs until the guard ends the process, and prints the state of the license.
pub(crate) fn run(builder: Builder, timeout: Duration) {
    let guard = builder.stop_with(timeout).start().unwrap_or_else(|error| panic!("{error}"));
    let mut watch = guard.watch();
    loop {
        if let Some(state) = watch.next(Duration::from_secs(3600)) {
            say("is", if matches!(state, State::Refused { .. }) { "refused" } else { "running" });
        }
    }
}

/// Suspends under one that has asked for a moment, and under one that has asked for longer than the suspension lasts.
pub(crate) fn end_with_the_license() -> String {
    let hosts = Hosts::new(Engine::Sqlite);
    let mut short = Host::of(&hosts, "stops-100");
    short.until("running");
    hosts.change("suspend", &json!({"reason": "a test"}));
    short.until("refused");
    assert_eq!(short.process.wait().unwrap().code(), Some(1), "it ends itself");
    hosts.change("reinstate", &json!({}));

    let mut long = Host::of(&hosts, "stops-60000");
    long.until("running");
    hosts.change("suspend", &json!({"reason": "a test"}));
    long.until("refused");
    hosts.change("reinstate", &json!({}));
    long.until("running");
    assert_eq!(long.process.try_wait().unwrap(), None, "it runs on");
    long.process.kill().unwrap();
    long.process.wait().unwrap();
    "a host that asks for it ends with its license, and runs on where that is reinstated in time".to_owned()
}

struct Host {
    process: Child,
    output: Lines<BufReader<ChildStdout>>,
}

impl Host {
    fn of(hosts: &Hosts, manner: &str) -> Self {
        let mut process = hosts.spawn(manner);
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, output }
    }

    fn until(&mut self, wanted: &str) {
        let said = self.output.by_ref().map(Result::unwrap).find(|line| *line == format!("is {wanted}"));
        assert!(said.is_some(), "it ended before it was {wanted}");
    }
}
