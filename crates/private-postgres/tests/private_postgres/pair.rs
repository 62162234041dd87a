//! What was committed on a pair is there after its primary was lost, and nothing is written on its standby.

use kaching_private_postgres::{Pair, Place};
use postgres::{Client, NoTls};

#[test]
fn a_pair_keeps_what_it_acknowledged() {
    let pair = Pair::start(&Place::default()).unwrap();
    let connect = || Client::connect(&pair.url(), NoTls).unwrap();
    connect().batch_execute("create table things (id bigint)").unwrap();
    for round in 0..2_i64 {
        let mut client = connect();
        client.execute("insert into things values ($1)", &[&round]).unwrap();
        let mut standby = Client::connect(&pair.standby_url(), NoTls).unwrap();
        assert!(standby.execute("insert into things values (9)", &[]).is_err());
        pair.fail_over().unwrap();
        assert!(client.execute("insert into things values (9)", &[]).is_err(), "it is gone");
        let kept: i64 = connect().query_one("select count(*) from things", &[]).unwrap().get(0);
        assert_eq!(kept, round + 1);
        pair.mend().unwrap();
    }
}
