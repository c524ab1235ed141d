//! One's own account: a file for each page of the settings.

pub(crate) mod account;
pub(crate) mod appearance;
pub(crate) mod export;
pub(crate) mod leave;
pub(crate) mod people;
pub(crate) mod profile;
pub(crate) mod sessions;
pub(crate) mod two_factor;
