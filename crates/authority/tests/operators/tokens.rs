use std::fs;

use kaching_authority::{EditToken, List, NewToken, TokenFilter, domain::Scope};
use kaching_base::{ErrorCode, Seconds, Secret};
use kaching_testkit::World;

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
        assert!(Scope::ALL.iter().all(|scope| caller.may(*scope)));
        world.restart().await;
        assert_eq!(read(&world), text);
        assert_eq!(world.authority.tokens(List::<TokenFilter>::default()).await.unwrap().items.len(), 1);
    }
}

#[tokio::test]
async fn a_token_works_within_its_scopes_until_it_ends() {
    World::each(|world| async move {
        let authority = &world.authority;
        let made = authority.create_token(cx(), new(&[Scope::LicensesWrite])).await.unwrap();
        assert!(made.secret.expose().starts_with("kch_") && made.secret.expose().len() == 47);
        let id = made.token.id.to_string();
        let caller = authority.authenticate(made.secret.clone()).await.unwrap();
        assert_eq!(caller.token, made.token.id);
        assert!(caller.may(Scope::Read) && caller.may(Scope::LicensesWrite));
        assert!(!caller.may(Scope::LicensesKey) && !caller.may(Scope::Admin));

        let used = authority.token(id.clone()).await.unwrap().last_used_at.unwrap();
        world.clock.advance(Seconds(30));
        authority.authenticate(made.secret.clone()).await.unwrap();
        assert_eq!(authority.token(id.clone()).await.unwrap().last_used_at, Some(used));
        world.clock.advance(Seconds(30));
        authority.authenticate(made.secret.clone()).await.unwrap();
        assert!(authority.token(id.clone()).await.unwrap().last_used_at > Some(used));

        let ends = used + Seconds(3600);
        let edit = EditToken { expires_at: Some(Some(ends)), ..EditToken::default() };
        authority.edit_token(cx(), id.clone(), edit).await.unwrap();
        world.clock.set(ends);
        let ended = authority.authenticate(made.secret.clone()).await;
        assert_eq!(refusal(ended), coded(ErrorCode::Unauthenticated));
        let edit = EditToken { expires_at: Some(None), ..EditToken::default() };
        authority.edit_token(cx(), id.clone(), edit).await.unwrap();
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
        assert_eq!(refusal(authority.create_token(cx(), new(&[])).await), invalid("/scopes"));
        let past = Some("2020-01-01".parse().unwrap());
        let ended = NewToken { expires_at: past, ..new(&[Scope::Read]) };
        assert_eq!(refusal(authority.create_token(cx(), ended).await), invalid("/expires_at"));
        for secret in ["", "kch_", "kch_\0", &"x".repeat(10_000)] {
            let unknown = authority.authenticate(Secret::new((*secret).to_owned())).await;
            assert_eq!(refusal(unknown), coded(ErrorCode::Unauthenticated));
        }
        for id in ["", "tok_", "tok_01jd6w9q2hf4rb8s0zv3k5m7n9"] {
            assert_eq!(refusal(authority.token(id.to_owned()).await), coded(ErrorCode::NotFound));
        }
    })
    .await;
}
