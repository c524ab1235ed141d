//! The list of problems and the code agree: each code that stands in the sources is in the list, and the list has no
//! other.

use std::collections::BTreeSet;

use shared::problems::kinds;

use crate::{members, read, root, sources};

/// The beginnings of what holds a code: constructors of errors, and pairs of a code and a sentence.
const BEGINNINGS: [&str; 10] = [
    "ApiError::new(",
    "ApiError::bad_request(",
    "ApiError::conflict(",
    "ApiError::too_many(",
    "ApiError::unavailable(",
    "Self::new(",
    "Self::bad_request(",
    "Self::conflict(",
    "Self::too_many(",
    "Self::unavailable(",
];

/// Returns the first literal in a text if it is a code: lower case and underscores, and before the end of the call.
fn code_in(arguments: &str) -> Option<&str> {
    let call = arguments.split(';').next()?;
    let mut literals = call.split('"').skip(1).step_by(2);
    literals.next().filter(|text| is_code(text))
}

fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// Returns the codes that a file of sources names.
fn codes(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap();
    let calls = BEGINNINGS.iter().flat_map(|beginning| code.split(beginning).skip(1)).filter_map(code_in);
    // A pair, such as `("disk_full", "The disk is full")`. After a name, it is a call of something else.
    let pieces: Vec<&str> = code.split("(\"").collect();
    let pairs = pieces.windows(2).filter_map(|pieces| {
        let (first, rest) = pieces[1].split_once("\", \"")?;
        let is_call = pieces[0].ends_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_');
        (!is_call && is_code(first) && rest.starts_with(|letter: char| letter.is_ascii_uppercase())).then_some(first)
    });
    calls.chain(pairs).map(str::to_owned).collect()
}

#[test]
fn the_list_of_problems_has_the_codes_of_the_code() {
    let listed: BTreeSet<&str> = kinds().map(|kind| kind.code).collect();
    let mut found = BTreeSet::new();
    for member in members().iter().filter(|member| *member == "shared" || member.starts_with("services/")) {
        for (path, text) in sources(&root().join(member).join("src")) {
            // The list itself; errors of OAuth, which have codes of their own; tests; and pairs that are none.
            let is_other =
                ["tests.rs", "refusals.rs", "failures.rs", "oauth.rs", "oauth_form.rs", "authorize.rs", "tags.rs"];
            if is_other.iter().any(|name| path.ends_with(name)) || text.contains("TokenError::new(error") {
                continue;
            }
            for code in codes(&text) {
                let path = path.display();
                assert!(listed.contains(&*code), "`{code}` of {path} is missing in shared/src/problems");
                found.insert(code);
            }
        }
    }
    let gateway = read("nginx.conf");
    let unused: Vec<&&str> = listed
        .iter()
        .filter(|code| !found.contains(**code) && !gateway.contains(&format!("\"code\":\"{code}\"")))
        .collect();
    assert!(unused.is_empty(), "nothing answers with {unused:?}");
}
