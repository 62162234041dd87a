//! Signatures that only a strict verifier of Ed25519 refuses.

use kaching_license::Sign as _;
use sha2::{Digest as _, Sha512};

use super::{Case, LEASE, case, good, now};
use crate::{
    keys::{self, ed25519},
    world::{lease, payload, signed},
};

/// The order of the group, in little endian like all numbers here.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

pub(super) fn cases() -> Vec<Case> {
    let c = |name, text, outcome| case(name, LEASE, text, now(1), outcome);
    let good = good();
    let message = || good.rsplit_once('.').unwrap().0.to_owned();
    let sign = |message: &[u8]| ed25519(keys::LEASE).sign(message).unwrap();
    vec![
        c("S is the order of the group more", signed(message(), |message| more(sign(message))), "signature"),
        c("R is the neutral element", signed(message(), neutral), "signature"),
        c(
            "a byte after the signature",
            signed(message(), |message| [sign(message), vec![0]].concat()),
            "signature",
        ),
        c("a signature of claims with another order", reordered(), "signature"),
    ]
}

/// The signature of the usual lease, on the same claims in another order.
fn reordered() -> String {
    let claims = serde_json::to_value(lease()).unwrap();
    let mut members: Vec<_> = claims.as_object().unwrap().clone().into_iter().collect();
    members.reverse();
    let claims: serde_json::Map<_, _> = members.into_iter().collect();
    let text = serde_json::Value::Object(claims).to_string();
    let other = payload(kaching_license::StatementType::Lease, text, &ed25519(keys::LEASE));
    format!("{}.{}", other.rsplit_once('.').unwrap().0, good().rsplit_once('.').unwrap().1)
}

fn more(mut signature: Vec<u8>) -> Vec<u8> {
    let mut carry = 0;
    for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    signature
}

/// A signature for which the equation holds, by a holder of the key who chose zero as the secret number.
fn neutral(message: &[u8]) -> Vec<u8> {
    let mut r = [0; 32];
    r[0] = 1;
    let public = match ed25519(keys::LEASE).public_key() {
        kaching_license::PublicKey::Ed25519(bytes) => *bytes,
        kaching_license::PublicKey::Rsa3072(_) => unreachable!("the usual key is Ed25519"),
    };
    let hash = Sha512::new().chain_update(r).chain_update(public).chain_update(message).finalize();
    let mut secret: [u8; 32] = Sha512::digest([keys::LEASE; 32])[..32].try_into().unwrap();
    secret[0] &= 248;
    secret[31] = secret[31] & 127 | 64;
    [r, times(&hash, &secret)].concat()
}

/// The product of two numbers, modulo the order.
fn times(a: &[u8], b: &[u8; 32]) -> [u8; 32] {
    let mut product = [0; 33];
    let mut b33 = [0; 33];
    b33[..32].copy_from_slice(b);
    for bit in (0..a.len() * 8).rev() {
        let double = product;
        add(&mut product, &double);
        if a[bit / 8] >> (bit % 8) & 1 == 1 {
            add(&mut product, &b33);
        }
    }
    product[..32].try_into().unwrap()
}

fn add(sum: &mut [u8; 33], other: &[u8; 33]) {
    let mut carry = 0;
    for (byte, other) in sum.iter_mut().zip(other) {
        let total = u16::from(*byte) + u16::from(*other) + carry;
        (*byte, carry) = (total.to_le_bytes()[0], total >> 8);
    }
    let mut order = [0; 33];
    order[..32].copy_from_slice(&ORDER);
    while sum.iter().rev().cmp(order.iter().rev()).is_ge() {
        let mut borrow = 0;
        for (byte, order) in sum.iter_mut().zip(order) {
            let rest = i16::from(*byte) - i16::from(order) - borrow;
            (*byte, borrow) = (rest.rem_euclid(256).to_le_bytes()[0], i16::from(rest < 0));
        }
    }
}
