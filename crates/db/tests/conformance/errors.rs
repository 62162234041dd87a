use kaching_db::{Engine, Error, params};

use crate::{make, on_each};

async fn tables(db: &kaching_db::Db) {
    make(db, "create table parents (id bigint primary key)").await;
    make(
        db,
        "create table children (id bigint primary key, parent bigint not null references parents (id), a text, b text, \
            n bigint constraint children_n_positive check (n > 0), unique (a, b))",
    )
    .await;
    make(db, "create unique index children_lower on children (lower(a), n)").await;
    db.write("fill", |tx| {
        tx.execute("insert into parents values (1)", &[])?;
        tx.execute("insert into children values (1, 1, 'x', 'y', 1)", &[])
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn constraints_are_named_alike() {
    on_each(async |_, db| {
        tables(&db).await;
        let unique = |what: &str| Error::Unique(what.to_owned());
        let constraint = |what: &str| Error::Constraint(what.to_owned());
        for (sql, expected) in [
            ("insert into children values (1, 1, 'q', 'q', 1)", unique("children.id")),
            ("insert into children values (2, 1, 'x', 'y', 2)", unique("children.a, children.b")),
            ("insert into children values (2, 1, 'X', 'z', 1)", unique("children_lower")),
            ("insert into children values (2, 9, 'q', 'q', 1)", constraint("foreign key")),
            ("insert into children values (2, null, 'q', 'q', 1)", constraint("children.parent")),
            ("insert into children values (2, 1, 'q', 'q', 0)", constraint("children_n_positive")),
            ("delete from parents", constraint("foreign key")),
        ] {
            assert_eq!(db.write("break", move |tx| tx.execute(sql, &[])).await, Err(expected), "{sql}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_error_names_the_transaction_and_no_value() {
    on_each(async |_, db| {
        tables(&db).await;
        let secret = "hunter2";
        for sql in [
            "insert into parents values (cast(cast(?1 as text) as bigint))",
            "insert into parents (no_such_column) values (?1)",
            "insert into children values (7, 1, ?1, ?1, 0)",
            "selec ?1",
        ] {
            let outcome = db.write("things.break", move |tx| tx.execute(sql, params![secret])).await;
            // SQLite casts any text to a number.
            if db.engine() == Engine::Sqlite && outcome == Ok(1) {
                continue;
            }
            let error = outcome.unwrap_err();
            assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
            if let Error::Statement { name, .. } = error {
                assert_eq!(name, "things.break");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_parameter_of_the_wrong_kind_or_number_is_an_error() {
    on_each(async |_, db| {
        tables(&db).await;
        let few = db.write("few", |tx| tx.execute("insert into parents values (?1)", &[])).await;
        assert!(matches!(few, Err(Error::Statement { name: "few", .. })), "{few:?}");
        let many = db.write("many", |tx| tx.execute("insert into parents values (2)", params![1])).await;
        assert!(matches!(many, Err(Error::Statement { name: "many", .. })), "{many:?}");
        let nul = db
            .write("nul", |tx| tx.execute("insert into children values (8, 1, ?1, 'q', 1)", params!["a\0b"]));
        // PostgreSQL holds no NUL in a text; it says so, and is well afterwards.
        assert_eq!(nul.await.is_ok(), db.engine() == Engine::Sqlite);
        assert_eq!(db.ping().await, Ok(()));
    })
    .await;
}
