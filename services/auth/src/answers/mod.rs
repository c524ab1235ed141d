//! The bodies of answers, one file for each subject. They are built from rows and tokens and know nothing of requests.

mod message;

mod joining;
mod link;

mod client;
mod login;
mod passkeys;
mod sessions;
mod token;
mod two_factor;

mod account_log;
mod me;
mod user;

mod export;
mod mails;
mod receipt;

pub(crate) use account_log::{EntryOut, LogOut, OwnEntryOut, OwnLogOut};
pub(crate) use client::{ClientOut, ClientsOut, MetadataOut};
pub(crate) use export::ExportOut;
pub(crate) use joining::{
    ApplicantOut, ApplicantsOut, InvitationOut, InvitationsOut, NewInvitationOut, RegistrationOut,
};
pub(crate) use link::LinkOut;
pub(crate) use login::{LoginOut, PairOut};
pub(crate) use mails::{MailOut, MailboxOut, ParkedMailOut, ParkedMailsOut};
pub(crate) use me::MeOut;
pub(crate) use message::MessageOut;
pub(crate) use passkeys::{CeremonyOut, NewPasskeyOut, OptionsOut, PasskeyOut};
pub(crate) use receipt::{ErasedOut, ReceiptOut};
pub(crate) use sessions::{SessionOut, SessionsOut};
pub(crate) use token::{TokenError, TokenOut};
pub(crate) use two_factor::{AppOut, RecoveryCodesOut, TwoFactorOut};
pub(crate) use user::{UserOut, UsersOut};
