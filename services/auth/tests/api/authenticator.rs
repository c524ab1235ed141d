//! A software authenticator together with the browser around it: it makes and shows passkeys as Web Authentication,
//! level 3, describes, with ES256 and without attestation.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The flags of the authenticator data: the person was there, was verified, and the data has a new passkey (section 6.1).
const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const NEW: u8 = 0x40;

/// An authenticator with one passkey. The fields decide what the next answer is like.
pub(crate) struct Authenticator {
    key: EcdsaKeyPair,
    pub(crate) credential_id: Vec<u8>,
    /// The name of the person, from the options by which the passkey was made.
    pub(crate) handle: String,
    pub(crate) counter: u32,
    /// False: the person has not shown a PIN or a finger.
    pub(crate) verifies: bool,
    /// The page that the browser shows.
    pub(crate) origin: String,
    pub(crate) rp_id: String,
}

impl Authenticator {
    /// An authenticator in a browser that shows this installation.
    pub(crate) fn at(origin: &str, rp_id: &str) -> Self {
        let mut credential_id = vec![0; 16];
        aws_lc_rs::rand::fill(&mut credential_id).unwrap();
        Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(),
            credential_id,
            handle: String::new(),
            counter: 1,
            verifies: true,
            origin: origin.to_owned(),
            rp_id: rp_id.to_owned(),
        }
    }

    /// Makes the passkey: the answer of `navigator.credentials.create`.
    pub(crate) fn make(&mut self, options: &Value) -> Value {
        let options = &options["publicKey"];
        self.handle = options["user"]["id"].as_str().unwrap().to_owned();
        let point = self.key.public_key().as_ref().to_vec();
        let (x, y) = point[1..].split_at(32);
        // COSE_Key: kty EC2, alg ES256, crv P-256 (RFC 9053, section 7.1.1).
        let key = [&[0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 32], x, &[0x22, 0x58, 32], y].concat();
        let length = u16::try_from(self.credential_id.len()).unwrap().to_be_bytes();
        let data = [&self.data(NEW)[..], &[0; 16], &length, &self.credential_id, &key].concat();
        let mut object = vec![0xa3];
        object.extend(text("fmt"));
        object.extend(text("none"));
        object.extend(text("attStmt"));
        object.push(0xa0);
        object.extend(text("authData"));
        object.extend([0x58, u8::try_from(data.len()).unwrap()]);
        object.extend(data);
        json!({
            "id": encode(&self.credential_id),
            "rawId": encode(&self.credential_id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "attestationObject": encode(&object),
                "clientDataJSON": encode(self.client_data("webauthn.create", options).as_bytes()),
                "transports": ["internal"],
            },
        })
    }

    /// Shows the passkey: the answer of `navigator.credentials.get`.
    pub(crate) fn show(&mut self, options: &Value) -> Value {
        let client_data = self.client_data("webauthn.get", &options["publicKey"]);
        let data = self.data(0);
        let signed = [&data[..], Sha256::digest(client_data.as_bytes()).as_slice()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        json!({
            "id": encode(&self.credential_id),
            "rawId": encode(&self.credential_id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "authenticatorData": encode(&data),
                "clientDataJSON": encode(client_data.as_bytes()),
                "signature": encode(signature.as_ref()),
                "userHandle": self.handle,
            },
        })
    }

    /// The authenticator data, whose counter rises with each use unless it is 0.
    fn data(&mut self, flags: u8) -> Vec<u8> {
        let flags = flags | PRESENT | if self.verifies { VERIFIED } else { 0 };
        let counter = self.counter;
        self.counter += u32::from(counter > 0);
        [Sha256::digest(self.rp_id.as_bytes()).as_slice(), &[flags], &counter.to_be_bytes()].concat()
    }

    fn client_data(&self, kind: &str, options: &Value) -> String {
        let challenge = &options["challenge"];
        json!({ "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false }).to_string()
    }
}

/// A text in CBOR, shorter than 24 bytes.
fn text(text: &str) -> Vec<u8> {
    let head = 0x60 | u8::try_from(text.len()).unwrap();
    [&[head], text.as_bytes()].concat()
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
