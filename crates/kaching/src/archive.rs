//! Archiving: what is in use is archived only once that was confirmed.

use kaching_base::ErrorCode;

use crate::{
    failure::Failure,
    flags::Confirmed,
    output::spoken,
    remote::{Answer, Client, Path},
};

/// Archives what the path names; `name` is typed to confirm it where the authority says that it is in use.
pub(crate) async fn archive(
    client: &mut Client,
    path: Path,
    name: &str,
    confirmed: &Confirmed,
) -> Result<Answer, Failure> {
    let forced = path.clone().with("force", "true");
    if confirmed.given() {
        return client.delete(forced).await;
    }
    match client.delete(path).await {
        Err(Failure::Answered(problem)) if problem.code == ErrorCode::WrongState.as_str() => {
            confirmed.typed(&spoken(&problem.detail), name)?;
            client.delete(forced).await
        }
        answered => answered,
    }
}
