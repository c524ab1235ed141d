//! The limits on actions that would harm somebody if strangers repeated them at will.

use std::time::Duration;

/// A limit on how often something may happen: a burst at once, and afterwards once in each period. It is enforced by
/// the generic cell rate algorithm (ITU-T I.371), which stores one time for each key and counts nothing in windows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// The name of the limit, with which the stored keys begin.
    pub(crate) name: &'static str,
    /// The number of times that it may happen at once after a time of rest.
    pub(crate) burst: u32,
    /// The time after which one more may happen.
    pub(crate) period: Duration,
}

/// Limits the wrong passwords for one username to 1 800 an hour, as matrix-authentication-service allows.
pub(crate) const LOGINS: Limit = Limit { name: "login", burst: 10, period: Duration::from_secs(2) };

/// Limits the attempts to give a person's current password, by somebody who has the person's access token.
pub(crate) const CURRENT_PASSWORD: Limit =
    Limit { name: "current_password", burst: 5, period: Duration::from_secs(60) };

/// Limits the codes that can be tried for one account after a right password. With six digits and three valid codes at
/// a time, a thief who has the password and tries for a year guesses right with a probability below three in a hundred.
pub(crate) const SECOND_FACTORS: Limit = Limit { name: "second_factor", burst: 10, period: Duration::from_secs(3_600) };

/// The archives of the own data that a person may ask for.
pub(crate) const EXPORTS: Limit = Limit { name: "export", burst: 3, period: Duration::from_secs(3_600) };

/// The mails that strangers can have sent to one mailbox, whichever address the strangers come from.
pub(crate) const MAILS: Limit = Limit { name: "mail", burst: 3, period: Duration::from_secs(3_600) };
