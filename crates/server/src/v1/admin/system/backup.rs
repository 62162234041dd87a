use axum::{body::Body as Answer, extract::State, http::header, response::IntoResponse};
use futures_util::{StreamExt as _, stream};
use kaching_api as api;
use kaching_authority::backup::Chunks;
use kaching_base::ErrorCode;

use crate::{
    App,
    extract::{Body, Caller, scope::Backup},
    problem::{Rejected, Result},
};

/// Returns a backup: everything, in one state of the database. It is complete when its last line has arrived.
#[utoipa::path(post, path = "/v1/admin/backup", tag = "operator", request_body = api::BackupRequest, responses(
    (status = 200, body = String, content_type = "application/jsonl", description = "The backup, one JSON document a line")))]
pub(crate) async fn backup(
    State(app): State<App>,
    caller: Caller<Backup>,
    Body { value, .. }: Body<api::BackupRequest>,
) -> Result<impl IntoResponse> {
    if value.master_key_passphrase.is_some() && !caller.is_local() {
        let detail =
            "the master key leaves only to a user of the authority's own machine: run kaching backup there";
        return Err(Rejected::new(ErrorCode::Forbidden, detail));
    }
    let chunks = app.authority.backup(caller.cx(), value.master_key_passphrase.map(Into::into)).await?;
    Ok(([(header::CONTENT_TYPE, "application/jsonl")], body(chunks)))
}

/// The pieces of a backup on their way to a client. A backup that fails breaks off, and so has no last line.
fn body(chunks: Chunks) -> Answer {
    let pieces = stream::unfold(chunks, async |mut chunks| {
        let piece = chunks.next().await?;
        if let Err(error) = &piece {
            tracing::error!(%error, "a backup broke off");
        }
        Some((piece, chunks))
    });
    // A body may be polled after its end, and an unfold would panic.
    Answer::from_stream(pieces.fuse())
}
