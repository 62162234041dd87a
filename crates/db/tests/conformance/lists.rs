use kaching_db::{Error, Sql, params};

use crate::{make, on_each};

#[tokio::test]
async fn a_filtered_list_is_read_page_by_page() {
    on_each(async |_, db| {
        make(&db, "create table things (id bigint primary key, colour text not null, made bigint not null)")
            .await;
        db.write("fill", |tx| {
            for id in 0..100_i64 {
                let colour = if id % 3 == 0 { "red" } else { "green" };
                tx.execute("insert into things values (?1, ?2, ?3)", params![id, colour, id / 10])?;
            }
            Ok::<_, Error>(())
        })
        .await
        .unwrap();

        let page = async |colour: Option<&'static str>, after: Option<(i64, i64)>| {
            db.read("page", move |tx| {
                let mut sql = Sql::new("select made, id from things where true");
                sql.add_if(" and colour = ?", colour);
                if let Some((made, id)) = after {
                    sql.add(" and (made, id) < (?, ?)", params![made, id]);
                }
                sql.add(" order by made desc, id desc limit ?", params![10]);
                tx.query_all(&sql, sql.params(), |row| Ok((row.get(0)?, row.get(1)?)))
            })
            .await
            .unwrap()
        };
        for (colour, expected) in [(None, 100), (Some("red"), 34), (Some("blue"), 0)] {
            let mut all: Vec<(i64, i64)> = Vec::new();
            loop {
                let next = page(colour, all.last().copied()).await;
                if next.is_empty() {
                    break;
                }
                all.extend(next);
            }
            assert_eq!(all.len(), expected);
            assert!(all.is_sorted_by(|a, b| a > b));
        }
    })
    .await;
}

#[tokio::test]
async fn a_value_is_never_read_as_sql() {
    on_each(async |_, db| {
        make(&db, "create table things (name text not null)").await;
        let hostile = "x'; drop table things; --";
        let found = db.write("hostile", move |tx| {
            tx.execute("insert into things values (?1)", params![hostile])?;
            let mut sql = Sql::new("select name from things where name in ");
            sql.list(["a", hostile]).add_if(" and name = ?", Some(hostile));
            tx.query_all(&sql, sql.params(), |row| row.get::<String>(0))
        });
        assert_eq!(found.await.unwrap(), [hostile]);
    })
    .await;
}

#[tokio::test]
async fn one_row_means_one_row() {
    on_each(async |_, db| {
        let counted = db.read("rows", |tx| {
            let (none, two) = ("select 1 where 1 = 0", "select 1 union all select 2");
            assert_eq!(tx.query_opt(none, &[], |row| row.get::<i64>(0))?, None);
            assert!(matches!(tx.query_one(none, &[], |row| row.get::<i64>(0)), Err(Error::Statement { .. })));
            assert!(matches!(tx.query_opt(two, &[], |row| row.get::<i64>(0)), Err(Error::Statement { .. })));
            tx.query_all(two, &[], |row| row.get::<i64>(0))
        });
        assert_eq!(counted.await.unwrap(), [1, 2]);
    })
    .await;
}

#[tokio::test]
async fn more_statements_than_are_kept_prepared_still_run() {
    on_each(async |_, db| {
        // Some hundred statements take their time to be prepared on a busy machine.
        let patient = db.with_deadline(std::time::Duration::from_secs(60));
        let sum = patient.read("many", |tx| {
            let mut sum = 0;
            for length in 1..600_i64 {
                let mut sql = Sql::new("select cast(count(*) as bigint) from (select 1) one where 1 in ");
                sql.list(1..=length);
                sum += tx.query_one(&sql, sql.params(), |row| row.get::<i64>(0))?;
            }
            Ok::<_, Error>(sum)
        });
        assert_eq!(sum.await, Ok(599));
    })
    .await;
}
