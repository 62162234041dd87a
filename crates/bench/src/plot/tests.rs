use super::*;

fn swept(name: &str, engine: Option<&'static str>, full: f64) -> Vec<Figures> {
    let steps = [0.1, 0.25, 0.5, 0.7, 0.8, 0.9, 1.0, 1.2];
    let row = |part: &f64| Figures {
        engine,
        of: Some("sweep".to_owned()),
        looped: Some("open"),
        offered_per_s: Some(full * part),
        rate_per_s: Some(full * part.min(0.98)),
        p99_ms: Some(1.5 + part * 2.0 + if *part > 0.95 { 900.0 * (part - 0.9) } else { 0.0 }),
        ..Figures::named(name)
    };
    steps.iter().map(row).collect()
}

fn stored(engine: &'static str, cost: f64) -> Vec<Figures> {
    let row = |size: u64, looped| Figures {
        engine: Some(engine),
        looped: Some(looped),
        activations: Some(size),
        us_per_call: (looped == "closed").then(|| cost + size as f64 / 1e6),
        cpu_us_per_call: Some(cost * 0.7),
        ..Figures::named("scale")
    };
    let sizes = [10_000, 100_000, 1_000_000, 10_000_000];
    sizes.into_iter().flat_map(|size| [row(size, "closed"), row(size, "open")]).collect()
}

/// Asserts that every element is closed in order, and that every number is finite.
fn assert_well_formed(svg: &str) {
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap();
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{svg}");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(
        open.is_empty() && svg.starts_with("<svg ") && !svg.contains("NaN") && !svg.contains("inf"),
        "{svg}"
    );
}

#[test]
fn pictures_have_every_point_and_are_well_formed() {
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("README.md");
    let rows = [
        swept("heartbeat", Some("sqlite"), 17_000.0),
        swept("heartbeat", Some("postgres"), 6000.0),
        swept("ceiling", None, 41_000.0),
        stored("sqlite", 55.0),
        stored("postgres", 160.0),
    ]
    .concat();
    write(&page, &rows).unwrap();
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    for (name, points) in [("load.svg", 3 * 8 * 2), ("scale.svg", 3 * 4 * 2)] {
        let svg = read(name);
        assert_well_formed(&svg);
        assert_eq!(svg.matches("<circle ").count(), points, "{name}");
        assert!(svg.contains("SQLite") && svg.contains("PostgreSQL"));
    }
}

#[test]
fn no_picture_is_written_without_data() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("README.md"), &[Figures::named("check")]).unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn axes_have_round_steps() {
    assert_eq!(Axis::linear("", 0.0, 17.3).ticks, [0.0, 5.0, 10.0, 15.0, 20.0]);
    assert_eq!(Axis::decades("", &[3.0, 250.0]).ticks, [1.0, 10.0, 100.0, 1000.0]);
    assert_eq!([0.5, 20.0, 100_000.0, 10_000_000.0].map(axis::short), ["0.5", "20", "100 k", "10 M"]);
}
