//! Where keyed values come from: a secret of the installation, or a seed that replays a seat.
//!
//! The derivation is a promise: a seed gives the same values on every machine and in every version.
//!
//! ```text
//! mac(key, part…)      HMAC-SHA256 under key of, for each part, its length (8 bytes, the highest first) and its bytes
//! seed of a learner    the first 16 bytes of mac(secret, "labs seed 1", learner, lab), in hexadecimal digits
//! dice of a variable   ChaCha20 with the key mac(seed, "labs variable 1", lab, variable), its output as 64-bit numbers,
//!                      the lowest byte first
//! one of n             the next number x, unless it is n * floor(2^64 / n) or more: then the one after it; x mod n
//! ```

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use rand::rngs::ChaCha20Rng;
use rand::{Rng, SeedableRng};
use serde::Serialize;
use sha2::Sha256;

use crate::digest;
use crate::error::{Error, Result};

/// The longest seed and the longest name of a learner, in bytes.
const MAX_BYTES: usize = 128;
/// How many bytes of a learner's seed are shown and used.
const SEED_BYTES: usize = 16;

/// What no learner knows: the values of all seats of an installation hang on it.
pub struct Secret([u8; Self::BYTES]);

impl Secret {
    pub const BYTES: usize = 32;

    pub fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The seed of a learner's seat of a lab. It tells nothing about other seats.
    ///
    /// # Errors
    /// The name is empty, too long, or no plain text.
    pub fn seed(&self, learner: &str, lab: &str) -> Result<Seed> {
        let learner = plain("name of a learner", learner)?;
        let mac = mac(&self.0, &["labs seed 1", &learner, lab]);
        Ok(Seed { text: digest::hex(&mac[..SEED_BYTES]), learner: Some(learner) })
    }
}

/// Never shows what it holds.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What the keyed values of a seat are drawn from: the same seed gives the same values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seed {
    #[serde(rename = "seed")]
    pub text: String,
    /// Whom it was derived for; `None` when it was given outright.
    pub learner: Option<String>,
}

impl Seed {
    /// A seed that somebody chose, or read off a seat.
    ///
    /// # Errors
    /// It is empty, too long, or no plain text.
    pub fn given(text: &str) -> Result<Self> {
        Ok(Self { text: plain("seed", text)?, learner: None })
    }

    /// For a lab that is looked at where nobody reads its values.
    pub fn sample() -> Self {
        Self { text: "sample".to_owned(), learner: None }
    }

    /// The dice that a variable of a lab is drawn with; each variable has its own.
    pub fn dice(&self, lab: &str, variable: &str) -> Dice {
        let mac = mac(self.text.as_bytes(), &["labs variable 1", lab, variable]);
        Dice(ChaCha20Rng::from_seed(mac))
    }
}

/// Draws numbers, the same ones for the same seed.
pub struct Dice(ChaCha20Rng);

impl Dice {
    /// Any 64-bit number.
    pub fn any(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `n`, each as likely as the others; 0 when `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 {
            return 0;
        }
        // 2^64 mod n: that many numbers at the upper end would make the small results likelier.
        let beyond = n.wrapping_neg() % n;
        loop {
            let x = self.any();
            if x <= u64::MAX - beyond {
                return x % n;
            }
        }
    }

    /// One of some things; there must be one.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.index(of.len())]
    }

    /// A place in a list of this length.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }
}

fn mac(key: &[u8], parts: &[&str]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().into()
}

/// A text for the command line: without blanks around it, not empty, not long, no control characters.
fn plain(kind: &str, text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_BYTES || text.chars().any(char::is_control) {
        return Err(Error::usage(format!("The {kind} is no plain text of 1 to {MAX_BYTES} bytes"))
            .help("use letters, digits and the like"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secret() -> Secret {
        Secret::new([7; Secret::BYTES])
    }

    /// Computed once by another program (Python's hmac): what it gives must never change.
    #[test]
    fn a_learners_seed_is_what_it_always_was() {
        let seed = secret().seed("ada", "redis-queues").unwrap();
        assert_eq!(seed.text, "deeb49c6e1e1715806d5f1718dd00ccb");
        assert_eq!(seed.learner.as_deref(), Some("ada"));
    }

    /// Computed once by another program, from the words of this module's head.
    #[test]
    fn the_dice_of_a_variable_fall_as_they_always_did() {
        let mut dice = Seed::given("s3").unwrap().dice("redis-queues", "desk");
        let drawn: Vec<u64> = (0..6).map(|_| dice.below(1000)).collect();
        assert_eq!(drawn, [148, 248, 376, 623, 137, 191]);
    }

    #[test]
    fn parts_are_not_taken_for_one_another() {
        assert_ne!(secret().seed("a", "bc").unwrap().text, secret().seed("ab", "c").unwrap().text);
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", secret()), "Secret");
    }

    #[test]
    fn empty_long_and_unprintable_names_are_refused() {
        for name in ["", "  ", "a\nb", &"x".repeat(MAX_BYTES + 1)] {
            assert!(Seed::given(name).is_err(), "{name:?}");
            assert!(secret().seed(name, "lab").is_err(), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn dice_stay_below(seed in "[a-z]{1,8}", n in 1_u64..) {
            let mut dice = Seed::given(&seed).unwrap().dice("lab", "x");
            prop_assert!(dice.below(n) < n);
        }

        #[test]
        fn learners_labs_and_secrets_tell_seeds_apart(a in "[a-z]{1,8}", b in "[a-z]{1,8}") {
            let text = |secret: Secret, learner: &str, lab: &str| {
                secret.seed(learner, lab).unwrap().text
            };
            prop_assume!(a != b);
            prop_assert_ne!(text(secret(), &a, "lab"), text(secret(), &b, "lab"));
            prop_assert_ne!(text(secret(), "ada", &a), text(secret(), "ada", &b));
            prop_assert_ne!(text(secret(), &a, "lab"), text(Secret::new([8; 32]), &a, "lab"));
        }
    }
}
