use std::fs;

use kaching_authority::{
    Actor, Clock as _, EditToken, List, NewToken, Rights, Sight, TokenFilter, domain::Scope,
};
use kaching_base::{ErrorCode, Seconds, Secret, TokenId};
use kaching_db::{Db, Metrics, params};
use kaching_testkit::World;
use sha2::{Digest as _, Sha256};

use super::setting::{coded, cx, entries, invalid, refusal};

fn new(scopes: &[Scope]) -> NewToken {
    NewToken { name: "billing".to_owned(), scopes: scopes.iter().copied().collect(), expires_at: None }
}

#[tokio::test]
async fn the_first_token_has_every_right_and_is_made_once() {
    for engine in [kaching_db::Engine::Sqlite, kaching_db::Engine::Postgres] {
        let mut world = World::on(engine).await;
        let read = |world: &World| fs::read_to_string(world.directory.path().join("first-token")).unwrap();
        let text = read(&world);
        let caller = world.authority.authenticate(Secret::new(text.trim().to_owned())).await.unwrap();
        assert!(Scope::ALL.iter().all(|scope| caller.rights.may(*scope)));
        world.restart().await;
        assert_eq!(read(&world), text);
        assert_eq!(
            world.authority.tokens(&Sight::All, List::<TokenFilter>::default()).await.unwrap().items.len(),
            1
        );
    }
}

#[tokio::test]
async fn a_token_works_within_its_scopes_until_it_ends() {
    World::each(|world| async move {
        let authority = &world.authority;
        let made = authority.create_token(cx(), new(&[Scope::LicensesWrite]), &Rights::all()).await.unwrap();
        assert!(made.secret.expose().starts_with("kch_") && made.secret.expose().len() == 47);
        let id = made.token.id.to_string();
        let caller = authority.authenticate(made.secret.clone()).await.unwrap();
        assert_eq!(caller.actor, Actor::Token(made.token.id));
        assert!(caller.rights.may(Scope::Read) && caller.rights.may(Scope::LicensesWrite));
        assert!(!caller.rights.may(Scope::LicensesKey) && !caller.rights.may(Scope::Admin));

        let used = authority.token(&Sight::All, id.clone()).await.unwrap().last_used_at.unwrap();
        world.clock.advance(Seconds(30));
        authority.authenticate(made.secret.clone()).await.unwrap();
        assert_eq!(authority.token(&Sight::All, id.clone()).await.unwrap().last_used_at, Some(used));
        world.clock.advance(Seconds(30));
        authority.authenticate(made.secret.clone()).await.unwrap();
        assert!(authority.token(&Sight::All, id.clone()).await.unwrap().last_used_at > Some(used));

        let ends = used + Seconds(3600);
        let edit = EditToken { expires_at: Some(Some(ends)), ..EditToken::default() };
        authority.edit_token(cx(), id.clone(), edit, &Rights::all()).await.unwrap();
        world.clock.set(ends);
        let ended = authority.authenticate(made.secret.clone()).await;
        assert_eq!(refusal(ended), coded(ErrorCode::Unauthenticated));
        let edit = EditToken { expires_at: Some(None), ..EditToken::default() };
        authority.edit_token(cx(), id.clone(), edit, &Rights::all()).await.unwrap();
        authority.authenticate(made.secret.clone()).await.unwrap();
        authority.archive_token(cx(), id.clone()).await.unwrap();
        let archived = authority.authenticate(made.secret).await;
        assert_eq!(refusal(archived), coded(ErrorCode::Unauthenticated));
        for (record, _) in entries(authority, &id).await {
            assert!(!record.body.contains("kch_"));
        }
    })
    .await;
}

#[tokio::test]
async fn tokens_that_make_no_sense_are_refused() {
    World::each(|world| async move {
        let authority = &world.authority;
        assert_eq!(refusal(authority.create_token(cx(), new(&[]), &Rights::all()).await), invalid("/scopes"));
        let past = Some("2020-01-01".parse().unwrap());
        let ended = NewToken { expires_at: past, ..new(&[Scope::Read]) };
        assert_eq!(
            refusal(authority.create_token(cx(), ended, &Rights::all()).await),
            invalid("/expires_at")
        );
        for secret in ["", "kch_", "kch_\0", &"x".repeat(10_000)] {
            let unknown = authority.authenticate(Secret::new((*secret).to_owned())).await;
            assert_eq!(refusal(unknown), coded(ErrorCode::Unauthenticated));
        }
        for id in ["", "tok_", "tok_01jd6w9q2hf4rb8s0zv3k5m7n9"] {
            assert_eq!(
                refusal(authority.token(&Sight::All, id.to_owned()).await),
                coded(ErrorCode::NotFound)
            );
        }
    })
    .await;
}

async fn database(world: &World) -> Db {
    Db::open(world.database.clone(), Metrics::register(&mut Default::default())).await.unwrap()
}

fn sha256(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Puts the tokens back as the release before stored them.
async fn as_stored_before(db: &Db, tokens: Vec<(TokenId, [u8; 32])>) {
    db.write("test.before", move |tx| {
        tx.execute("delete from data_keys where name = 'token'", &[])?;
        for (id, hash) in &tokens {
            tx.execute("update tokens set hash = ?2, rights = null where id = ?1", params![*id, hash[..]])?;
        }
        Ok::<_, kaching_db::Error>(())
    })
    .await
    .unwrap();
}

async fn hashes(db: &Db) -> Vec<[u8; 32]> {
    let sql = "select hash from tokens order by id";
    db.read("test.hashes", move |tx| tx.query_all(sql, &[], |row| row.get(0))).await.unwrap()
}

#[tokio::test]
async fn tokens_of_the_release_before_live_on_and_are_taken_over_once() {
    World::each(|mut world| async move {
        let first = fs::read_to_string(world.directory.path().join("first-token")).unwrap().trim().to_owned();
        let first_id = world.authority.authenticate(Secret::new(first.clone())).await.unwrap().actor;
        let made = world.authority.create_token(cx(), new(&[Scope::Read]), &Rights::all()).await.unwrap();
        let (id, secret) = (made.token.id, made.secret);
        let db = database(&world).await;
        let Actor::Token(first_id) = first_id else { panic!("{first_id:?}") };
        let plain = vec![(first_id, sha256(&first)), (id, sha256(secret.expose()))];
        as_stored_before(&db, plain.clone()).await;

        // Two servers of this release start at the same moment.
        let (one, two) = tokio::join!(world.replica(21), world.replica(22));
        for authority in [&one, &two] {
            let caller = authority.authenticate(secret.clone()).await.unwrap();
            assert_eq!((caller.actor, caller.rights.scopes), (Actor::Token(id), [Scope::Read].into()));
            assert!(
                authority.authenticate(Secret::new(first.clone())).await.unwrap().rights.may(Scope::Admin)
            );
        }
        let stored = hashes(&db).await;
        assert!(
            plain.iter().all(|(_, hash)| !stored.contains(hash)),
            "what is stored is no SHA-256 of a token"
        );
        for authority in [one, two] {
            authority.close().await;
        }
        world.restart().await;
        assert_eq!(hashes(&db).await, stored, "a later start changes nothing");
        world.authority.authenticate(secret).await.unwrap();
        db.close().await;
    })
    .await;
}

#[tokio::test]
async fn write_access_to_the_database_neither_makes_a_token_nor_adds_rights() {
    World::each(|mut world| async move {
        let made = world.authority.create_token(cx(), new(&[Scope::Read]), &Rights::all()).await.unwrap();
        let (id, secret) = (made.token.id, made.secret);
        let db = database(&world).await;
        let forged = "kch_forged";
        db.write("test.forge", move |tx| {
            let sql = "insert into tokens (id, name, hash, scopes, created_at, updated_at)
                       values (?1, 'forged', ?2, '[\"admin\"]', 0, 0)";
            tx.execute(sql, params![TokenId::from_bytes([9; 16]), sha256(forged)[..]])
        })
        .await
        .unwrap();
        let unknown = |authority: std::sync::Arc<kaching_authority::Authority>, secret: Secret<String>| async move {
            assert_eq!(refusal(authority.authenticate(secret).await), coded(ErrorCode::Unauthenticated));
        };
        unknown(world.authority.clone(), Secret::new(forged.to_owned())).await;
        world.restart().await;
        unknown(world.authority.clone(), Secret::new(forged.to_owned())).await;

        world.authority.authenticate(secret.clone()).await.unwrap();
        for more in [
            "update tokens set scopes = '[\"admin\"]' where id = ?1",
            "update tokens set scopes = '[\"read\"]', expires_at = 9000000000000000 where id = ?1",
        ] {
            db.write("test.more", move |tx| tx.execute(more, params![id])).await.unwrap();
            unknown(world.authority.clone(), secret.clone()).await;
        }
        let edit = EditToken { name: Some("other".to_owned()), ..EditToken::default() };
        let edited = world.authority.edit_token(cx(), id.to_string(), edit, &Rights::all()).await;
        assert_eq!(refusal(edited), coded(ErrorCode::WrongState), "an edit would confirm what nobody gave");
        let same = "update tokens set scopes = '[\"read\"]', expires_at = null where id = ?1";
        db.write("test.same", move |tx| tx.execute(same, params![id])).await.unwrap();
        world.authority.authenticate(secret.clone()).await.expect("its rights are its own again");

        // A row with all rights takes what another token is found by, and what confirms that one's rights.
        db.write("test.take", move |tx| {
            let codes = "select hash, rights from tokens where id = ?1";
            let (hash, rights): ([u8; 32], Vec<u8>) =
                tx.query_one(codes, params![id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let set = "update tokens set hash = ?2, rights = ?3 where id = ?1";
            tx.execute(set, params![id, [0_u8; 32][..], rights[..]])?;
            tx.execute(set, params![TokenId::from_bytes([9; 16]), hash[..], rights[..]])
        })
        .await
        .unwrap();
        unknown(world.authority.clone(), secret.clone()).await;
        world.authority.archive_token(cx(), id.to_string()).await.expect("ending a token is always right");
        db.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_token_cannot_get_more_rights_than_its_creator() {
    World::each(|world| async move {
        let authority = &world.authority;
        let ends = world.clock.now() + Seconds::days(7);
        let made = authority
            .create_token(cx(), NewToken { expires_at: Some(ends), ..new(&[Scope::Admin]) }, &Rights::all())
            .await
            .unwrap();
        let short = authority.authenticate(made.secret).await.unwrap().rights;
        let reader = Rights { scopes: [Scope::Read].into(), until: None };
        let forbidden = coded(ErrorCode::Forbidden);
        let other = authority
            .create_token(cx(), new(&[Scope::Read]), &Rights::all())
            .await
            .unwrap()
            .token
            .id
            .to_string();
        for (by, new, allowed) in [
            (&reader, new(&[Scope::Read]), true),
            (&reader, new(&[Scope::Read, Scope::Backup]), false),
            (&reader, new(&[Scope::Admin]), false),
            (&short, NewToken { expires_at: Some(ends), ..new(&[Scope::Admin]) }, true),
            (&short, NewToken { expires_at: Some(ends + Seconds(1)), ..new(&[Scope::Read]) }, false),
            (&short, new(&[Scope::Read]), false),
        ] {
            let edit = EditToken {
                scopes: Some(new.scopes.clone().into()),
                expires_at: Some(new.expires_at),
                ..EditToken::default()
            };
            let created = authority.create_token(cx(), new, by).await;
            let edited = authority.edit_token(cx(), other.clone(), edit, by).await;
            match allowed {
                true => drop((created.unwrap(), edited.unwrap())),
                false => {
                    assert_eq!((refusal(created), refusal(edited)), (forbidden.clone(), forbidden.clone()))
                }
            }
        }
    })
    .await;
}
