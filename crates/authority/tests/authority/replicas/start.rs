use kaching_authority::{Authority, List, Options, Sight, TokenFilter};
use kaching_base::Secret;
use kaching_testkit::Server;
use prometheus_client::registry::Registry;

use super::setting::{Shared, number};

/// Enough that the two meet at each step of a first start.
const ROUNDS: u64 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_that_start_together_on_an_empty_database_make_one_of_everything() {
    for round in 0..ROUNDS {
        let shared = Shared::fresh();
        let (one, two) = tokio::join!(shared.start(round * 2), shared.start(round * 2 + 1));
        one.authority.follow_keys().await.unwrap();
        let (ours, theirs) = (one.authority.keys(), two.authority.keys());
        assert_eq!(ours.roots.len(), 1);
        assert_eq!((&ours.roots, ours.version, ours.epoch), (&theirs.roots, theirs.version, theirs.epoch));
        assert_eq!(ours.keysets, theirs.keysets);
        let db = shared.database().await;
        for table in
            ["select count(*) from roots", "select count(*) from signing_keys", "select count(*) from tokens"]
        {
            assert_eq!(number(&db, table).await, 1, "{table}");
        }
        let tokens: Vec<_> = [&one, &two].iter().filter_map(|replica| replica.first_token()).collect();
        let [token] = &tokens[..] else { panic!("{} of them wrote a first token", tokens.len()) };
        for replica in [&one, &two] {
            replica.authority.authenticate(Secret::new(token.trim().to_owned())).await.unwrap();
            let listed = replica.authority.tokens(&Sight::All, List::<TokenFilter>::default()).await.unwrap();
            assert_eq!(listed.items.len(), 1);
            replica.authority.ready().await.unwrap();
            replica.authority.close().await;
        }
        db.close().await;
    }
}

#[tokio::test]
async fn a_second_master_key_is_not_left_behind() {
    let shared = Shared::fresh();
    let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let open = async |at: usize| {
        let options = Options { master: None, ..shared.options(&directories[at], at as u64) };
        Authority::open(options, &mut Registry::default()).await
    };
    let opened: [_; 2] = tokio::join!(open(0), open(1)).into();
    let key = |at: usize| directories[at].path().join("master.key");
    let first = opened.iter().position(Result::is_ok).expect("one comes first");
    assert!(key(first).exists());
    let second = 1 - first;
    // A server that starts after the keys exist makes none.
    let why = opened[second].as_ref().err().expect("their master keys differ").to_string();
    assert!(why.contains("copy its master.key to") || why.contains("the master key is missing"), "{why}");
    assert!(!key(second).exists(), "it would be taken for the right one");
    std::fs::copy(key(first), key(second)).unwrap();
    let again = open(second).await.unwrap();
    assert_eq!(again.keys().roots, opened[first].as_ref().unwrap().keys().roots);
}

#[tokio::test]
async fn a_server_without_its_database_is_not_ready_until_it_is_back() {
    let server = Server::start();
    let shared = Shared::at(server.database());
    let replica = shared.start(1).await;
    replica.authority.ready().await.unwrap();
    server.stop();
    assert!(replica.authority.ready().await.is_err());
    server.restart();
    replica.authority.ready().await.unwrap();
    replica.authority.close().await;
}
