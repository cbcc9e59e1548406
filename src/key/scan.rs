//! Finds secrets in any bytes, by their form and checksum. What is found is told by line, hint and digest.

use std::io::{self, Read};

use memchr::{memchr_iter, memmem};

use super::secret::{Digest, Prefix, Secret};

/// How much is read at a time, in bytes.
const CHUNK: u64 = 64 * 1024;

/// A secret that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// In which line, counted from 1.
    pub line: usize,
    /// Its start (`ak_7Fh3…`).
    pub hint: String,
    /// What the database would have of it.
    pub digest: Digest,
}

/// Reads to the end, and tells of each secret in turn. What stands around it plays no part: the checksum decides.
pub fn find(prefix: &Prefix, mut reader: impl Read, mut tell: impl FnMut(Found)) -> io::Result<()> {
    let start = format!("{prefix}_");
    let finder = memmem::Finder::new(&start);
    let length = Secret::len_with(prefix);
    let mut bytes = Vec::new();
    let mut line = 1;
    loop {
        let read = reader.by_ref().take(CHUNK).read_to_end(&mut bytes)?;
        // Up to where the lines are counted.
        let mut counted = 0;
        for at in finder.find_iter(&bytes) {
            let candidate = bytes.get(at..at + length);
            let candidate = candidate.and_then(|bytes| str::from_utf8(bytes).ok());
            let Some(Ok(secret)) = candidate.map(|text| Secret::parse(prefix, text)) else {
                continue;
            };
            line += memchr_iter(b'\n', &bytes[counted..at]).count();
            counted = at;
            tell(Found {
                line,
                hint: secret.hint(),
                digest: secret.digest(),
            });
        }
        if read == 0 {
            return Ok(());
        }
        // What is too short to be a whole one may be the beginning of one, and is looked at again with what follows.
        let done = bytes.len().saturating_sub(length - 1);
        line += memchr_iter(b'\n', &bytes[counted..done]).count();
        bytes.drain(..done);
    }
}

/// A regular expression for secrets, for scanners that know no checksum.
pub fn pattern(prefix: &Prefix) -> String {
    let random_and_checksum = Secret::len_with(prefix) - prefix.to_string().len() - 1;
    format!(r"\b{prefix}_[0-9A-Za-z]{{{random_and_checksum}}}\b")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A reader that gives a few bytes at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            let (now, later) = self.0.split_at(count);
            buffer[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    fn found(prefix: &Prefix, reader: impl Read) -> Vec<(usize, String)> {
        let mut all = Vec::new();
        find(prefix, reader, |found| all.push((found.line, found.hint))).unwrap();
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn each_secret_is_found_once_in_its_line(
            // What stands before each secret, as many bytes as may make it lie across the border of a chunk.
            gaps in prop::collection::vec((0..70_000_usize, 0..3_usize), 0..5),
            drip in 1..200_000_usize,
        ) {
            let prefix = Prefix::parse("ak").unwrap();
            let (mut bytes, mut expected, mut line) = (Vec::new(), Vec::new(), 1);
            for (gap, lines) in gaps {
                bytes.extend(std::iter::repeat_n(b'k', gap));
                bytes.extend(std::iter::repeat_n(b'\n', lines));
                line += lines;
                let secret = Secret::generate(&prefix).unwrap();
                expected.push((line, secret.hint()));
                bytes.extend(secret.expose_secret().as_bytes());
            }
            bytes.extend(b"ak_ak_ak");
            prop_assert_eq!(found(&prefix, Drip(&bytes, drip)), expected);
        }
    }

    #[test]
    fn what_stands_around_a_secret_plays_no_part() {
        let prefix = Prefix::parse("ak").unwrap();
        let secret = Secret::generate(&prefix).unwrap();
        let text = secret.expose_secret();
        for around in [
            format!("{text}{text}"),
            format!("\"{text}\" ak_{text}_ak"),
            format!("\u{0}{text}é{text}"),
        ] {
            let twice = vec![(1, secret.hint()); 2];
            assert_eq!(found(&prefix, around.as_bytes()), twice);
        }
        let last = if text.ends_with('0') { "1" } else { "0" };
        let typo = format!("{}{last}", &text[..text.len() - 1]);
        assert_eq!(found(&prefix, typo.as_bytes()), []);
        assert_eq!(pattern(&prefix), r"\bak_[0-9A-Za-z]{38}\b");
    }
}
