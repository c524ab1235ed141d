//! The adapters to cryptography: the hashes of passwords, and the tokens that prove a login.

mod hasher;
mod signer;

pub(crate) use hasher::{Hasher, PasswordCheck, hash_blocking};
pub(crate) use signer::{Signer, TokenPair};
