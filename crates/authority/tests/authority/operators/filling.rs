use kaching_authority::{Clock as _, List, Sight, activations::ActivationFilter, fill::Fill};
use kaching_testkit::World;

use super::setting::{cx, entries, furnish, license};

#[tokio::test]
async fn filled_rows_are_found_like_created_ones() {
    World::each(|world| async move {
        furnish(&world).await;
        let like = world.authority.create_license(cx(), license("team")).await.unwrap();
        let before = world.authority.stats(&Sight::All).await.unwrap();
        let fill = Fill { like: like.license.id, licenses: Some(21), each: 60, first: 100 };
        let filled = world.authority.fill(fill).await.unwrap();
        assert_eq!(filled.len(), 21 * 60);
        let after = world.authority.stats(&Sight::All).await.unwrap();
        assert_eq!((after.total - before.total, after.active - before.active), (21, 21));
        assert_eq!(after.activations, 21 * 60);

        let one = &filled[700];
        let search = |q: &str| List { q: Some(q.to_owned()), ..List::<ActivationFilter>::default() };
        let found = world.authority.activations(&Sight::All, search(&one.fingerprint)).await.unwrap().items;
        let found: Vec<_> = found.into_iter().map(|found| found.activation).collect();
        assert_eq!(found.iter().map(|found| found.id).collect::<Vec<_>>(), [one.activation]);
        assert_eq!(found[0].fingerprint.as_str(), one.fingerprint);
        assert!(found[0].holds_slot(world.clock.now()), "it runs");
        let of_license = ActivationFilter { license: Some(found[0].license), ..ActivationFilter::default() };
        let list = List { limit: Some(200), filter: of_license, ..List::default() };
        assert_eq!(world.authority.activations(&Sight::All, list).await.unwrap().items.len(), 60);

        let shown = world.authority.license(&Sight::All, found[0].license.to_string()).await.unwrap();
        assert_eq!((shown.license.active, shown.used_slots), (60, 60));
        assert!(shown.license.expires_at > like.license.expires_at, "they end at other times");
        let logged = entries(&world.authority, &one.activation.to_string()).await;
        assert_eq!(
            logged.iter().map(|(entry, _)| entry.action.as_str()).collect::<Vec<_>>(),
            ["activation.activate"]
        );

        // Onto the license itself.
        let more = Fill { licenses: None, each: 7, ..fill };
        assert_eq!(world.authority.fill(more).await.unwrap().len(), 7);
        let shown = world.authority.license(&Sight::All, like.license.id.to_string()).await.unwrap();
        assert_eq!((shown.license.active, shown.license.revision), (7, like.license.revision));

        // The next ones go behind those.
        let more = Fill { first: 121, licenses: Some(1), each: 1, ..fill };
        assert_eq!(world.authority.fill(more).await.unwrap().len(), 1);
    })
    .await;
}
