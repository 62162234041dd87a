use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};

type Notes = Arc<Mutex<Vec<String>>>;

/// The service, as it would be without a license.
pub(crate) fn router() -> Router {
    Router::new()
        .route("/notes", post(write).get(read))
        .route("/health", get(async || "well\n"))
        .with_state(Notes::default())
}

async fn write(State(notes): State<Notes>, note: String) -> StatusCode {
    notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    StatusCode::CREATED
}

async fn read(State(notes): State<Notes>) -> String {
    notes.lock().unwrap_or_else(PoisonError::into_inner).join("\n") + "\n"
}
