//! An answer that is read in chunks.

use http::Response;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes};
use tokio::time::{error::Elapsed, timeout};

use super::{Answer, PATIENCE, unanswered};
use crate::failure::Failure;

/// Receives the chunks of an answer.
pub type TakeChunk<'t> = dyn FnMut(&[u8]) -> Result<(), Failure> + Send + 't;

pub(super) async fn stream_body<B>(
    answered: Result<Result<Response<B>, Failure>, Elapsed>,
    take: &mut TakeChunk<'_>,
) -> Result<(), Failure>
where
    B: Body<Data = Bytes> + Unpin,
{
    let answer = answered.map_err(|_| unanswered())??;
    let (head, mut body) = answer.into_parts();
    let (status, headers) = (head.status, head.headers);
    let broke = || Failure::unreached("The answer is incomplete: nothing of it is kept.");
    if !status.is_success() {
        let body = body.collect().await.map_err(|_| broke())?.to_bytes();
        return Answer::new(status, &headers, body).accepted().map(drop);
    }
    while let Some(frame) = timeout(PATIENCE, body.frame()).await.map_err(|_| broke())? {
        if let Ok(piece) = frame.map_err(|_| broke())?.into_data() {
            take(&piece)?;
        }
    }
    Ok(())
}
