//! The pages.

mod approvals;
mod coverage;
mod filter;
mod grants;
pub(crate) mod layout;
mod live;
mod overview;
mod policies;
mod record;
mod replay;
mod session;
mod sessions;
mod statements;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use http::StatusCode;

use crate::guard::{self, Failure};
use crate::{Console, assets, login};

pub(crate) fn router(console: Arc<Console>) -> Router {
    Router::new()
        .route("/", get(overview::page))
        .route("/sessions", get(sessions::page))
        .route("/sessions/{id}", get(session::page))
        .route("/sessions/{id}/replay", get(replay::page))
        .route("/statements", get(statements::page))
        .route("/approvals", get(approvals::page))
        .route("/approvals/waiting", get(approvals::waiting))
        .route("/approvals/{id}", get(approvals::one).post(approvals::decide))
        .route("/grants", get(grants::page).post(grants::mint))
        .route("/grants/{id}/revoke", post(grants::revoke))
        .route("/grants/{id}/review", post(grants::review))
        .route("/coverage", get(coverage::page))
        .route("/coverage/quarantine", post(coverage::quarantine))
        .route("/coverage/lift", post(coverage::lift))
        .route("/policies", get(policies::page))
        .route("/policies/explain", get(policies::form).post(policies::explain))
        .route("/record", get(record::page))
        .route("/record/verify", post(record::verify))
        .route("/record/state", get(record::state))
        .route("/events", get(live::events))
        .route("/login", get(login::pages::page))
        .route("/login/once", get(login::pages::once).post(login::pages::redeem))
        .route("/login/oidc", post(login::pages::begin))
        .route("/login/oidc/back", get(login::pages::back))
        .route("/logout", post(login::pages::logout))
        .route("/assets/{name}", get(assets::asset))
        .fallback(async || Failure(StatusCode::NOT_FOUND, "there is no such page".to_owned()))
        .method_not_allowed_fallback(async || {
            Failure(
                StatusCode::METHOD_NOT_ALLOWED,
                "this page takes no such request".to_owned(),
            )
        })
        .layer(from_fn_with_state(Arc::clone(&console), guard::guard))
        .with_state(console)
}

/// Runs what reads files on a thread that may wait for them.
async fn reading<T: Send + 'static>(
    console: &Arc<Console>,
    read: impl FnOnce(&Console) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let console = Arc::clone(console);
    tokio::task::spawn_blocking(move || read(&console))
        .await
        .unwrap_or_else(|_| {
            Err(Failure(
                StatusCode::INTERNAL_SERVER_ERROR,
                "it ended in a defect of this program: the daemon's log tells more".to_owned(),
            ))
        })
}
