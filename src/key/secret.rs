//! The secret of an API key: generate, parse, digest, hint.
//!
//! `<prefix>_<32 base62 characters><6 base62 characters of CRC-32>`. This room holds the only type that carries
//! a secret. There must never be a way in here to print, clone or serialise one.

use std::fmt;

use rand::TryRng;
use rand::rngs::SysRng;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Digits, upper case, lower case: the order of ASCII, so that encoded numbers sort as they count.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_LEN: usize = 32;
const CHECKSUM_LEN: usize = 6;
const HINT_LEN: usize = 4;

/// What every secret of this installation starts with, before the underscore: `[a-z][a-z0-9]{0,15}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// Checks a prefix; `None` where it does not have the form above.
    pub fn parse(text: &str) -> Option<Self> {
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase());
        let continues_well = text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        (starts_well && continues_well && text.len() <= 16).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The string that a program presents to prove that it holds an API key.
///
/// It is wiped from memory when dropped, and read only through [`Secret::expose_secret`].
pub struct Secret(Zeroizing<String>);

/// The text is not a secret of this installation: wrong prefix, length, alphabet or checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed secret")]
pub struct Malformed;

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system's random generator failed")]
pub struct RandomUnavailable(#[source] rand::rngs::SysError);

impl Secret {
    /// Makes a new secret of 32 uniform base62 characters (190 bits) from the operating system's generator.
    pub fn generate(prefix: &Prefix) -> Result<Self, RandomUnavailable> {
        // The capacity is exact: a string that grows would leave copies of itself behind, unwiped.
        let mut text = Zeroizing::new(String::with_capacity(Self::len_with(prefix)));
        text.push_str(&prefix.0);
        text.push('_');
        random_base62(RANDOM_LEN, &mut text)?;
        let checksum = checksum(text.as_bytes());
        text.extend(checksum.map(char::from));
        Ok(Self(text))
    }

    /// How long a secret with this prefix is, in bytes.
    pub fn len_with(prefix: &Prefix) -> usize {
        prefix.0.len() + 1 + RANDOM_LEN + CHECKSUM_LEN
    }

    /// Recognises a secret by its form and checksum alone, so that a typo, a truncated paste or a stranger's
    /// token is refused without asking the database.
    pub fn parse(prefix: &Prefix, text: &str) -> Result<Self, Malformed> {
        let body = text
            .strip_prefix(prefix.0.as_str())
            .and_then(|rest| rest.strip_prefix('_'))
            .ok_or(Malformed)?;
        let is_base62 = body.bytes().all(|b| b.is_ascii_alphanumeric());
        if body.len() != RANDOM_LEN + CHECKSUM_LEN || !is_base62 {
            return Err(Malformed);
        }
        let (covered, given) = text.as_bytes().split_at(text.len() - CHECKSUM_LEN);
        if checksum(covered) != given {
            return Err(Malformed);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// What the database keeps instead of the secret.
    ///
    /// A fast hash is right for 190 random bits: there is no dictionary to try.
    pub fn digest(&self) -> Digest {
        Digest(Sha256::digest(self.0.as_bytes()).into())
    }

    /// What people recognise a key by later: the prefix and the first four random characters (`ak_7Fh3…`).
    pub fn hint(&self) -> String {
        let shown = self.0.len() - RANDOM_LEN - CHECKSUM_LEN + HINT_LEN;
        format!("{}…", &self.0[..shown])
    }

    /// The secret itself, for the one answer that shows it.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// SHA-256 of a whole secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Takes a digest as the database has it.
    pub(crate) fn from_store(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes that the database stores.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

/// Appends `count` uniform base62 characters from the operating system's generator.
///
/// Six random bits are taken at a time and the two values beyond 61 thrown away, which has no modulo bias.
pub(crate) fn random_base62(count: usize, text: &mut String) -> Result<(), RandomUnavailable> {
    let mut pool = Zeroizing::new([0_u8; 48]);
    let mut missing = count;
    while missing > 0 {
        SysRng
            .try_fill_bytes(pool.as_mut_slice())
            .map_err(RandomUnavailable)?;
        let drawn = pool
            .iter()
            .filter_map(|byte| BASE62.get(usize::from(byte & 0b11_1111)))
            .take(missing)
            .map(|&c| char::from(c));
        let before = text.len();
        text.extend(drawn);
        missing -= text.len() - before;
    }
    Ok(())
}

/// CRC-32 (IEEE 802.3) of everything before the checksum, as six base62 digits, the highest first.
fn checksum(covered: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut rest = crc32fast::hash(covered) as usize;
    let mut digits = [0; CHECKSUM_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[rest % 62];
        rest /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prefix() -> impl Strategy<Value = Prefix> {
        "[a-z][a-z0-9]{0,15}".prop_map(|text| Prefix::parse(&text).unwrap())
    }

    /// Every text that is one slip away from `text`: a character changed, two neighbours swapped, a character
    /// lost or added at any place, and every truncation.
    fn slips(text: &str) -> Vec<String> {
        let chars: Vec<char> = text.chars().collect();
        let alphabet: Vec<char> = BASE62
            .iter()
            .map(|&b| char::from(b))
            .chain("_- é".chars())
            .collect();
        let mut slips = Vec::new();
        for i in 0..chars.len() {
            slips.push(chars[..i].iter().collect());
            let mut lost = chars.clone();
            lost.remove(i);
            slips.push(lost.into_iter().collect());
            if i + 1 < chars.len() {
                let mut swapped = chars.clone();
                swapped.swap(i, i + 1);
                slips.push(swapped.into_iter().collect());
            }
            for &c in &alphabet {
                let mut changed = chars.clone();
                changed[i] = c;
                slips.push(changed.into_iter().collect());
            }
        }
        for i in 0..=chars.len() {
            for &c in &alphabet {
                let mut added = chars.clone();
                added.insert(i, c);
                slips.push(added.into_iter().collect());
            }
        }
        slips.retain(|slip| slip != text);
        slips
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_generated_secret_parses_to_the_same_digest(prefix in prefix()) {
            let secret = Secret::generate(&prefix).unwrap();
            let parsed = Secret::parse(&prefix, secret.expose_secret()).unwrap();
            prop_assert_eq!(parsed.digest(), secret.digest());
            prop_assert_eq!(secret.0.capacity(), secret.0.len());
        }

        #[test]
        fn no_slip_of_a_generated_secret_parses(prefix in prefix()) {
            let secret = Secret::generate(&prefix).unwrap();
            for slip in slips(secret.expose_secret()) {
                prop_assert_eq!(Secret::parse(&prefix, &slip).err(), Some(Malformed), "{}", slip);
            }
        }

        #[test]
        fn any_text_is_parsed_without_a_panic(prefix in prefix(), text in any::<String>()) {
            let _ = Secret::parse(&prefix, &text);
            let _ = Secret::parse(&prefix, &format!("{prefix}_{text}"));
        }

        #[test]
        fn debug_shows_nothing_of_a_secret(prefix in prefix()) {
            let secret = Secret::generate(&prefix).unwrap();
            prop_assert_eq!(format!("{secret:?} {:?}", secret.digest()), "Secret(…) Digest(…)");
        }

        #[test]
        fn a_secret_of_another_prefix_is_refused(ours in prefix(), theirs in prefix()) {
            prop_assume!(ours != theirs);
            let secret = Secret::generate(&theirs).unwrap();
            prop_assert!(Secret::parse(&ours, secret.expose_secret()).is_err());
        }
    }

    #[test]
    fn the_format_is_the_published_one() {
        // Written down from the design with another implementation of CRC-32 (Python's zlib), not from this code.
        let prefix = Prefix::parse("ak").unwrap();
        let secret = Secret::parse(&prefix, "ak_0123456789ABCDEFGHIJKLMNOPQRSTUV1Wf1r1").unwrap();
        assert_eq!(secret.hint(), "ak_0123…");
    }

    #[test]
    fn random_characters_are_uniform() {
        let mut text = String::new();
        random_base62(62_000, &mut text).unwrap();
        for &c in BASE62 {
            let count = text.bytes().filter(|&b| b == c).count();
            // The standard deviation is 31; eight of them leave no room for bias nor for a false alarm.
            assert!(
                (750..=1250).contains(&count),
                "{} came {count} times",
                char::from(c)
            );
        }
    }

    #[test]
    fn a_prefix_is_a_short_lower_case_word() {
        for good in ["a", "ak", "acme1", "abcdefghijklmnop"] {
            assert!(Prefix::parse(good).is_some(), "{good}");
        }
        for bad in ["", "1a", "Ak", "a_k", "a-k", "é", "abcdefghijklmnopq"] {
            assert!(Prefix::parse(bad).is_none(), "{bad}");
        }
    }
}
