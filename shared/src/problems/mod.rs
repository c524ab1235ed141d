//! The list of all problems that Chatty answers with: each code with its title, its statuses, its meaning, and advice
//! for the client.
//!
//! The type of a problem (RFC 9457, section 3.1.1) is the path of its page below [`PAGES`]. Any service may serve the
//! pages of all of them, so the list stands here, like the table of the streams. A code that is not in the list fails
//! the test that meets it, because the API's description has the list as an enumeration.

mod failures;
mod kind;
mod refusals;

pub use kind::Kind;

/// The path of the page that lists all problems. Below it, each code has a page of its own.
pub const PAGES: &str = "/docs/problems";

/// Returns all kinds, by their first status.
pub fn kinds() -> impl Iterator<Item = &'static Kind> {
    refusals::REFUSALS.iter().chain(failures::FAILURES)
}

/// Returns the kind with this code.
pub fn find(code: &str) -> Option<&'static Kind> {
    kinds().find(|kind| kind.code == code)
}

/// Returns the type of a problem, which is the path of its page.
pub fn type_of(code: &str) -> String {
    format!("{PAGES}/{code}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_code_stands_once_in_the_order_of_the_statuses() {
        let codes: BTreeSet<&str> = kinds().map(|kind| kind.code).collect();
        assert_eq!(codes.len(), kinds().count());
        let statuses: Vec<u16> = kinds().filter_map(|kind| kind.statuses.first().copied()).collect();
        assert_eq!(statuses.len(), kinds().count());
        assert!(statuses.is_sorted(), "{statuses:?}");
        for kind in kinds() {
            let is_name = kind.code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            assert!(is_name && kind.meaning.ends_with('.') && kind.advice.ends_with('.'), "{kind:?}");
            assert!(!kind.title.ends_with('.'), "{kind:?}");
        }
    }

    /// The gateway writes problems of its own, in its configuration.
    #[test]
    fn the_problems_of_the_gateway_are_those_of_the_list() {
        let gateway = include_str!("../../../nginx.conf");
        let mut found = 0;
        for line in gateway.lines().filter(|line| line.contains("\"code\":\"")) {
            let member = |name: &str| {
                let rest = line.split_once(&format!("\"{name}\":\"")).unwrap().1;
                rest.split_once('"').unwrap().0
            };
            let kind = find(member("code")).unwrap();
            assert_eq!((member("type"), member("title")), (&*type_of(kind.code), kind.title), "{line}");
            let status: u16 = line.split_once("\"status\":").unwrap().1.split_once(',').unwrap().0.parse().unwrap();
            assert!(kind.statuses.contains(&status), "{line}");
            found += 1;
        }
        assert!(found > 10);
    }
}
