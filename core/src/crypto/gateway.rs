//! What a gateway says in front of the control bytes of a browser: where the browser is, and a proof that the server's owner
//! trusts this gateway to say so. PROTOCOL.md section 3.1.
//!
//! Without it all browsers would count as one source, and as one inside the owner's network.

use core::net::{IpAddr, Ipv6Addr};

use subtle::ConstantTimeEq;

use super::kdf::expand_sha256;

/// Address and proof.
pub const FOREWORD_BYTES: usize = 48;
const ADDRESS_BYTES: usize = 16;

/// The bytes that a gateway sends first. `key` is the one that its owner took from the server, `binding` that of this TLS
/// connection: what was said on one is of no use on another.
pub fn foreword(key: &[u8; 32], binding: &[u8; 32], browser: IpAddr) -> [u8; FOREWORD_BYTES] {
    let address = match browser {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
    .octets();
    let mut bytes = [0; FOREWORD_BYTES];
    let proof = proof(key, binding, &address);
    for (to, from) in bytes.iter_mut().zip(address.iter().chain(proof.iter())) {
        *to = *from;
    }
    bytes
}

/// The browser's address, if the proof is good.
pub fn verify_foreword(key: &[u8; 32], binding: &[u8; 32], bytes: &[u8; FOREWORD_BYTES]) -> Option<IpAddr> {
    let (address, proof_bytes) = bytes.split_first_chunk::<ADDRESS_BYTES>()?;
    let is_good: bool = proof(key, binding, address).as_slice().ct_eq(proof_bytes).into();
    is_good.then(|| IpAddr::V6(Ipv6Addr::from(*address)).to_canonical())
}

fn proof(key: &[u8; 32], binding: &[u8; 32], address: &[u8; ADDRESS_BYTES]) -> [u8; 32] {
    *expand_sha256(key, &[b"hph/1 gateway", binding, address])
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn only_the_key_and_the_connection_that_it_was_made_for_verify_it() {
        let (key, binding) = ([1; 32], [2; 32]);
        for text in ["203.0.113.9", "2001:db8::1"] {
            let browser: IpAddr = text.parse().unwrap();
            let bytes = foreword(&key, &binding, browser);
            assert_eq!(verify_foreword(&key, &binding, &bytes), Some(browser));
            assert_eq!(verify_foreword(&[3; 32], &binding, &bytes), None);
            assert_eq!(verify_foreword(&key, &[3; 32], &bytes), None);
            for at in 0..FOREWORD_BYTES {
                let mut changed = bytes;
                changed[at] ^= 1;
                assert_eq!(verify_foreword(&key, &binding, &changed), None, "byte {at}");
            }
        }
    }

    #[test]
    fn the_foreword_of_the_protocols_document() {
        let bytes = foreword(&core::array::from_fn(|at| at as u8), &[5; 32], "192.0.2.7".parse().unwrap());
        let hex: std::string::String = bytes.iter().map(|byte| std::format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "00000000000000000000ffffc0000207940361d0b4f26a654c2fa7dd7c960d8fba7a40d3f3adf41d587dd44554d0a50d"
        );
    }
}
