use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::{body::Body as Answer, extract::State, http::header, response::IntoResponse};
use hyper::body::{Body as Stream, Bytes, Frame};
use kaching_api as api;
use kaching_authority::backup::Chunks;
use kaching_base::ErrorCode;

use crate::{
    App,
    extract::{Body, Caller, scope::Backup},
    problem::{Rejected, Result},
};

/// Reads everything in one state of the database, while others go on; what comes is a backup when its last line is there.
#[utoipa::path(post, path = "/v1/admin/backup", tag = "operator", request_body = api::BackupRequest, responses(
    (status = 200, body = String, content_type = "application/jsonl", description = "The backup, one JSON document a line")))]
pub(crate) async fn backup(
    State(app): State<App>,
    caller: Caller<Backup>,
    Body { value, .. }: Body<api::BackupRequest>,
) -> Result<impl IntoResponse> {
    if value.master_key_passphrase.is_some() && !caller.is_here() {
        let detail =
            "the master key leaves only to a user of the authority's own machine: run kaching backup there";
        return Err(Rejected::new(ErrorCode::Forbidden, detail));
    }
    let chunks = app.authority.backup(caller.cx(), value.master_key_passphrase.map(Into::into)).await?;
    Ok(([(header::CONTENT_TYPE, "application/jsonl")], Answer::new(Pieces(chunks))))
}

/// A backup on its way to a client. One that fails breaks off, and so has no last line.
struct Pieces(Chunks);

impl Stream for Pieces {
    type Data = Bytes;
    type Error = kaching_authority::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_next(cx).map(|piece| {
            let piece = piece?;
            if let Err(error) = &piece {
                tracing::error!(%error, "a backup broke off");
            }
            Some(piece.map(|bytes| Frame::data(bytes.into())))
        })
    }
}
