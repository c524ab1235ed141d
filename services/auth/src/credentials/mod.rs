//! Cryptography: the hashes of passwords, passkeys, and the keys and tokens that prove a login.

mod hasher;
mod passkeys;
mod signer;

pub(crate) use hasher::{Hasher, PasswordCheck, hash_blocking};
pub(crate) use passkeys::{Checked, MadePasskey, Passkeys, ShownPasskey, encode};
pub(crate) use signer::{Signer, TokenPair};
