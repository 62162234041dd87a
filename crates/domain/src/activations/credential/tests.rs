use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_795_305_600);

fn nonce(text: &str) -> Nonce {
    format!("{text}-0123456789abcdef").parse().unwrap()
}

/// Generation 3, five heartbeats answered, the last with the nonce `e`.
fn state() -> CredentialState {
    CredentialState { generation: 3, made_by: Some(nonce("made")), number: 5, nonce: Some(nonce("e")) }
}

/// Generation 2 was displaced at `NOW`, after its seventh heartbeat.
fn displaced() -> Displaced {
    Displaced { generation: 2, number: 7, at: NOW }
}

fn show(
    generation: i64,
    number: i64,
    text: &str,
    suspicion: &Suspicion,
    copies: CopyPolicy,
    at: Timestamp,
) -> Presented {
    let nonce = nonce(text);
    let shown = Shown { generation, number, nonce: &nonce };
    let old = Some(displaced()).filter(|old| old.generation == generation);
    state().present(suspicion, shown, old.as_ref(), copies, at)
}

#[test]
fn the_next_advances_the_last_repeats_and_all_else_fails() {
    let cases = [
        (3, 6, "f", Verdict::Advances, false),
        (3, 6, "e", Verdict::Advances, false),
        (3, 5, "e", Verdict::Repeats, false),
        (3, 5, "x", Verdict::Fails, true),
        (3, 4, "d", Verdict::Fails, false),
        (3, 7, "g", Verdict::Fails, false),
        (3, 0, "a", Verdict::Fails, false),
        (4, 1, "a", Verdict::Fails, false),
        (1, 9, "a", Verdict::Fails, false),
    ];
    for (generation, number, text, verdict, sighting) in cases {
        let presented = show(generation, number, text, &Suspicion::default(), CopyPolicy::Alert, NOW);
        assert_eq!(
            (presented.verdict, presented.sighting),
            (verdict, sighting),
            "{generation}.{number} {text}"
        );
        assert_eq!(presented.suspicion.sighted_at, sighting.then_some(NOW));
    }
}

#[test]
fn before_the_first_heartbeat_no_number_is_taken() {
    let fresh = CredentialState { number: 0, nonce: None, ..state() };
    let nonce = nonce("a");
    let shown = Shown { generation: 3, number: 0, nonce: &nonce };
    let presented = fresh.present(&Suspicion::default(), shown, None, CopyPolicy::Refuse, NOW);
    assert_eq!((presented.verdict, presented.sighting), (Verdict::Fails, false));
}

#[test]
fn a_displaced_credential_is_counted_once_and_seen_the_second_time() {
    let late = NOW + Seconds(61);
    let quiet = Suspicion::default();
    // Still under way, or seen before: nothing.
    for (number, at) in [(8, NOW + Seconds(60)), (7, late), (1, late)] {
        let presented = show(2, number, "x", &quiet, CopyPolicy::Refuse, at);
        assert_eq!((presented.sighting, &presented.suspicion, &presented.displaced), (false, &quiet, &None));
    }
    let first = show(2, 8, "x", &quiet, CopyPolicy::Refuse, late);
    assert!(!first.sighting, "the first is only counted");
    assert_eq!(first.displaced, Some(Displaced { number: 8, ..displaced() }), "it is new only once");
    assert_eq!(first.suspicion.displaced_use_at, Some(late));
    let day = Seconds::days(1);
    let second = show(2, 9, "x", &first.suspicion, CopyPolicy::Refuse, late + day);
    assert!(second.sighting);
    assert!(!second.suspicion.copy_suspected, "one sighting refuses nobody");
    let much_later = show(2, 9, "x", &first.suspicion, CopyPolicy::Refuse, late + day + Seconds(1));
    assert!(!much_later.sighting, "a day later it is a first one again");
}

#[test]
fn the_second_sighting_within_a_day_is_a_copy_where_the_policy_refuses() {
    let sighted = Suspicion { sighted_at: Some(NOW), ..Suspicion::default() };
    let (within, after) = (NOW + Seconds::days(1), NOW + Seconds::days(1) + Seconds(1));
    for (copies, at, suspected) in [
        (CopyPolicy::Refuse, within, true),
        (CopyPolicy::Refuse, after, false),
        (CopyPolicy::Alert, within, false),
        (CopyPolicy::Allow, within, false),
    ] {
        let presented = show(3, 5, "x", &sighted, copies, at);
        assert_eq!(presented.suspicion.copy_suspected, suspected, "{copies}");
        assert_eq!(presented.sighting, copies != CopyPolicy::Allow);
    }
    let suspected = Suspicion { copy_suspected: true, ..sighted };
    assert!(suspected.refuses(CopyPolicy::Refuse) && !suspected.refuses(CopyPolicy::Alert));
}

#[test]
fn each_activation_raises_the_generation() {
    let (next, old) = state().succeed(Some(nonce("again")), NOW);
    assert_eq!((next.generation, next.number, next.nonce), (4, 0, None));
    assert_eq!(old, Displaced { generation: 3, number: 5, at: NOW });
    assert_eq!(CredentialState::first(Some(nonce("one"))).generation, 1);
    assert_eq!(CredentialState::first(None).generation, 0, "nobody holds what an operator's move makes");
}
