//! Fakes and suites for the tests of sources.

mod compliance;
mod recording;

pub use compliance::{Fixture, run_once};
#[doc(hidden)]
pub use compliance::{
    cancelled_run_proves_nothing_that_is_not_whole, no_secret_in_any_log_line_or_delivery,
    other_options_read_everything_again, partial_run_removes_nothing, second_run_changes_nothing,
};
pub use recording::{ClosedScope, RecordedRun, RecordingSink};

/// The compliance suite for one source: `compliance!(module_name, fixture_expression)`.
///
/// The expression makes a fresh [`Fixture`] for each test.
#[macro_export]
macro_rules! compliance {
    ($name:ident, $fixture:expr) => {
        mod $name {
            use super::*;
            use $crate::kit::testing as suite;

            #[tokio::test]
            async fn second_run_changes_nothing() {
                suite::second_run_changes_nothing(&$fixture).await;
            }

            #[tokio::test]
            async fn partial_run_removes_nothing() {
                suite::partial_run_removes_nothing(&$fixture).await;
            }

            #[tokio::test]
            async fn cancelled_run_proves_nothing_that_is_not_whole() {
                suite::cancelled_run_proves_nothing_that_is_not_whole(&$fixture).await;
            }

            #[tokio::test]
            async fn other_options_read_everything_again() {
                suite::other_options_read_everything_again(&$fixture).await;
            }

            #[tokio::test]
            async fn no_secret_in_any_log_line_or_delivery() {
                suite::no_secret_in_any_log_line_or_delivery(&$fixture).await;
            }
        }
    };
}
