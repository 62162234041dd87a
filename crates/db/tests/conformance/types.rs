use std::collections::BTreeMap;

use kaching_base::{
    Code, Id, LeaseAlgorithm, LicenseId, LicenseType, Limit, Limits, Reference, Seconds, Timestamp,
};
use kaching_db::{Engine, Error, Json, params};

use crate::on_each;

const SQLITE: &str =
    "create table types (whole bigint, yes boolean, words text, bytes blob, id blob, moment bigint)";
const POSTGRES: &str =
    "create table types (whole bigint, yes boolean, words text, bytes bytea, id uuid, moment bigint)";

#[tokio::test]
async fn every_type_comes_back_as_it_went() {
    on_each(async |_, db| {
        crate::make(&db, if db.engine() == Engine::Sqlite { SQLITE } else { POSTGRES }).await;
        db.write("types", |tx| {
            let sql = "insert into types values (?1, ?2, ?3, ?4, ?5, ?6)";
            let (id, moment) =
                (LicenseId::from_bytes([7; 16]), Timestamp::from_micros(1_795_305_600_123_456));
            let text = "a ?1 'quoted' naïve ☕ text";
            tx.execute(sql, params![i64::MIN, true, text, [0_u8, 255], id, moment])?;
            tx.query_one(
                "select * from types where id = ?1 and yes = ?2 and yes",
                params![id, true],
                |row| {
                    assert_eq!(row.get::<i64>(0)?, i64::MIN);
                    assert!(row.get::<bool>(1)?);
                    assert_eq!(row.get::<String>(2)?, text);
                    assert_eq!(row.get::<Vec<u8>>(3)?, [0, 255]);
                    assert_eq!(row.get::<[u8; 2]>(3)?, [0, 255]);
                    assert_eq!(row.get::<LicenseId>(4)?, id);
                    assert_eq!(row.get::<Timestamp>(5)?, moment);
                    assert_eq!(row.get::<Option<Timestamp>>(5)?, Some(moment));
                    Ok(())
                },
            )?;
            tx.execute("delete from types", &[])?;

            let none = None::<LicenseId>;
            tx.execute(
                sql,
                params![None::<i64>, None::<bool>, None::<&str>, None::<Vec<u8>>, none, None::<Timestamp>],
            )?;
            tx.query_one("select * from types where id is null", &[], |row| {
                assert_eq!(row.get::<Option<i64>>(0)?, None);
                assert_eq!(row.get::<Option<bool>>(1)?, None);
                assert_eq!(row.get::<Option<String>>(2)?, None);
                assert_eq!(row.get::<Option<Vec<u8>>>(3)?, None);
                assert_eq!(row.get::<Option<LicenseId>>(4)?, None);
                assert!(row.get::<i64>(0).is_err());
                Ok(())
            })
        })
        .await
        .unwrap();
    })
    .await;
}

#[tokio::test]
async fn words_names_and_json_are_texts() {
    on_each(async |_, db| {
        crate::make(&db, "create table words (a text, b text, c text, d text, e text, f bigint)").await;
        let code: Code = "audit_export".parse().unwrap();
        let reference: Reference = "CUST-001".parse().unwrap();
        let limits: Limits = BTreeMap::from([(code.clone(), Limit::Level { max: Some(3) })]);
        db.write("words", move |tx| {
            let (kind, algorithm) = (LicenseType::Perpetual, LeaseAlgorithm::Rs256);
            tx.execute(
                "insert into words values (?1, ?2, ?3, ?4, ?5, ?6)",
                params![code, reference, kind, algorithm, Json(&limits), Seconds::days(3)],
            )?;
            tx.query_one("select * from words where c = ?1", params![kind], |row| {
                assert_eq!(row.get::<Code>(0)?, code);
                assert_eq!(row.get::<Reference>(1)?, reference);
                assert_eq!(row.get::<LicenseType>(2)?, kind);
                assert_eq!(row.get::<LeaseAlgorithm>(3)?, algorithm);
                assert_eq!(row.get::<Json<Limits>>(4)?, Json(limits.clone()));
                assert_eq!(row.get::<Seconds>(5)?, Seconds::days(3));
                Ok(())
            })
        })
        .await
        .unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_column_of_another_type_is_reported_without_its_value() {
    on_each(async |_, db| {
        crate::make(&db, "create table words (secret text, n bigint)").await;
        let wrong = db.write("wrong", |tx| {
            tx.execute("insert into words values (?1, ?2)", params!["hunter2", 300])?;
            let read = "select secret, n from words";
            Ok::<_, Error>([
                tx.query_one(read, &[], |row| row.get::<i64>(0)).unwrap_err().to_string(),
                tx.query_one(read, &[], |row| row.get::<LicenseType>(0).map(drop)).unwrap_err().to_string(),
                tx.query_one(read, &[], |row| row.get::<Json<Limits>>(0).map(drop)).unwrap_err().to_string(),
                tx.query_one(read, &[], |row| row.get::<Id<kaching_base_kind::Kind>>(0).map(drop))
                    .unwrap_err()
                    .to_string(),
                tx.query_one(read, &[], |row| row.get::<u8>(1)).unwrap_err().to_string(),
                tx.query_one(read, &[], |row| row.get::<i64>(2)).unwrap_err().to_string(),
            ])
        });
        let reasons = wrong.await.unwrap();
        assert!(
            reasons.iter().all(|text| text.contains("column") && !text.contains("hunter2")),
            "{reasons:?}"
        );
        assert!(reasons[0].contains("column 0 (secret) should be a whole number"), "{}", reasons[0]);
    })
    .await;
}

mod kaching_base_kind {
    pub(super) enum Kind {}
    impl kaching_base::IdKind for Kind {
        const PREFIX: &'static str = "tst";
    }
}
