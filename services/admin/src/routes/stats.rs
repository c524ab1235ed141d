//! The route of the statistics.

use axum::Json;
use axum::extract::State;
use shared::auth::AdminUser;

use crate::alerts;
use crate::answers::StatsOut;
use crate::db::queries::stats;
use crate::error::Error;
use crate::state::AppState;

/// Reads the statistics.
#[utoipa::path(
    get, path = "/admin/stats", tag = "admin", security(("bearer" = [])),
    responses((status = 200, body = StatsOut))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id))]
pub(crate) async fn get_stats(State(s): State<AppState>, admin: AdminUser) -> Result<Json<StatsOut>, Error> {
    let counted = stats::count_all(s.db.read(), s.db.clock().now()).await?;
    alerts::report_success(&admin, "stats requested");
    Ok(Json(StatsOut::of(counted)))
}
