//! Trimming once a day, while a server runs.

use std::sync::Arc;
use std::time::Duration;

use bailiwick_schema::Clock;

use crate::api::{Catalog, CatalogError};
use crate::store::Trimmed;

/// How often it is looked whether a trimming is due; the first look comes that long after the start.
pub const LOOK_EVERY: Duration = Duration::from_secs(10 * 60);

/// Trims whenever a day has passed since the last time, by the given clock, also over restarts. Never returns; drop it
/// to end it, at any moment.
///
/// A trimming that fails is said aloud and tried again at the next look.
pub async fn trim_daily(catalog: Catalog, clock: Arc<dyn Clock>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match trim_if_due(&catalog, &*clock).await {
            Ok(_) => {}
            Err(CatalogError::Stopped(_)) => tracing::debug!("no trimming: the engine has stopped"),
            Err(error) => {
                tracing::error!(error = %crate::engine::chain(&error), "what is past its retention stays for now");
            }
        }
    }
}

/// Trims if it is due; says what went.
pub(crate) async fn trim_if_due(catalog: &Catalog, clock: &dyn Clock) -> Result<Option<Trimmed>, CatalogError> {
    if catalog.trim_is_due(clock.now())? {
        catalog.trim_now().await.map(Some)
    } else {
        Ok(None)
    }
}
