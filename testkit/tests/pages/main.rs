//! The pages in a real browser, on both forms of the site: each scenario as a phone and as a wide screen show it.
//!
//! A scenario uses the API only for what happened before it begins. All waits are for conditions.
#![cfg(feature = "servers")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the exception for tests does not reach their helper functions"
)]

mod browser;
mod joining;
mod looks;
mod moderating;
mod reading;
mod settling;
mod site;

use browser::Browsers;
use site::Site;

/// The widths of a phone and of a wide screen, in pixels.
const WIDTHS: [u32; 2] = [390, 1280];

/// Runs all scenarios.
async fn tour(mut site: Site) {
    let browsers = Browsers::start().await;
    for width in WIDTHS {
        for scripts in [true, false] {
            joining::a_newcomer_joins_and_likes_a_post(&site, &browsers, width, scripts).await;
        }
        reading::a_post_arrives_in_an_open_page(&site, &browsers, width).await;
        reading::people_follow_comment_and_are_told(&site, &browsers, width).await;
        reading::a_recommendation_has_its_reason(&site, &browsers, width).await;
        settling::a_forgotten_password_is_replaced(&site, &browsers, width).await;
        settling::a_profile_is_changed_and_left(&site, &browsers, width).await;
        settling::a_personal_block_is_undone(&site, &browsers, width).await;
        moderating::a_report_leads_to_a_removal_that_is_undone(&site, &browsers, width).await;
        moderating::a_block_throws_a_person_out(&site, &browsers, width).await;
    }
    settling::two_tabs_stay_signed_in_over_the_end_of_a_token(&mut site, &browsers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_work_in_one_process() {
    Box::pin(tour(Site::in_one_process().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_work_behind_the_gateway() {
    Box::pin(tour(Site::behind_the_gateway().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_are_for_everybody() {
    let (site, browsers) = (Site::in_one_process().await, Browsers::start().await);
    looks::everybody_can_use_the_pages(&site, &browsers).await;
}
