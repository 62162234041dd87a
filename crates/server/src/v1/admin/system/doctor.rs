use axum::{Json, extract::State};
use kaching_api::{Check, CheckStatus};
use kaching_base::Seconds;

use crate::{
    App,
    extract::{Caller, scope::Read},
};

/// The health of the serving authority: the parts that work, and the remedies for the rest.
#[utoipa::path(get, path = "/v1/admin/doctor", tag = "operator", responses(
    (status = 200, body = Vec<Check>, description = "The checks")))]
pub(crate) async fn doctor(State(app): State<App>, _: Caller<Read>) -> Json<Vec<Check>> {
    let mut checks = vec![checked("database, clock and keys", app.authority.ready().await.err())];
    let days_left = app.authority.keys().keyset_ends_at.since(app.now()).0 / 86_400;
    checks.push(match days_left {
        20.. => fine("keyset"),
        days => {
            warn("keyset", format!("the keyset ends in {days} days: sign the next one where the root key is"))
        }
    });
    checks.push(checked("root key", app.authority.check_root().await.err()));
    checks.push(backups(&app).await);
    checks.push(retention(&app).await);
    let issuer = app.issuer();
    checks.push(match (issuer.as_str().starts_with("https://"), issuer.is_loopback()) {
        (true, _) | (_, true) => fine("public url"),
        _ => warn(
            "public url",
            "clients refuse http:// except to loopback: set server.public_url to https://…".to_owned(),
        ),
    });
    checks.push(match app.untrusted_forwarder.remedy() {
        Some(remedy) => warn("trusted proxies", remedy),
        None => fine("trusted proxies"),
    });
    Json(checks)
}

/// Whether backups are made, and were.
async fn backups(app: &App) -> Check {
    let Some(schedule) = app.authority.backup_schedule() else {
        let remedy = "no backup is made automatically: set backup.directory, or run `kaching backup` on a schedule of your own";
        return warn("backup", remedy.to_owned());
    };
    let last = match app.authority.last_backup().await {
        Ok(last) => last,
        Err(error) => return checked("backup", Some(error)),
    };
    let late = last.succeeded_at.is_none_or(|at| app.now().since(at) > Seconds(schedule.every.0 * 2));
    match (late, last.error) {
        (_, Some(error)) => warn("backup", format!("the last backup was not made: {error}")),
        (true, None) => {
            warn("backup", "no backup was made for two rounds of its schedule: look into the log".to_owned())
        }
        (false, None) => fine("backup"),
    }
}

/// Checks that old rows were removed in the last two nights.
async fn retention(app: &App) -> Check {
    let last = match app.authority.last_removal().await {
        Ok(last) => last,
        Err(error) => return checked("retention", Some(error)),
    };
    // An authority that never served has nothing to remove.
    match last.succeeded_at.or(last.begun_at) {
        Some(at) if app.now().since(at) > Seconds::days(2) => warn(
            "retention",
            format!(
                "what is kept no longer was not removed since {at}: it is done while `kaching serve` runs; look into its log"
            ),
        ),
        _ => fine("retention"),
    }
}

fn fine(check: &str) -> Check {
    Check { check: check.to_owned(), status: CheckStatus::Ok, remedy: String::new() }
}

fn warn(check: &str, remedy: String) -> Check {
    Check { check: check.to_owned(), status: CheckStatus::Warn, remedy }
}

fn checked(check: &str, error: Option<kaching_authority::Error>) -> Check {
    match error {
        Some(error) => {
            Check { check: check.to_owned(), status: CheckStatus::Fail, remedy: error.to_string() }
        }
        None => fine(check),
    }
}
