//! What tells one model file from another, in a page that may have to wait for it.

/// Two halves of a file's fingerprint: FNV-1a (Fowler, Noll and Vo) by words of four bytes, the last one at the file's end, folded
/// so that all their bits count, from two starts. No proof of where a file comes from. A file has at least four bytes.
///
/// What is kept on a device goes by it, so that it must stay as it is.
fn fingerprint(bytes: &[u8]) -> [u32; 2] {
    let length = bytes.len() as u32;
    let mut halves = [length, !length];
    let (words, rest) = bytes.as_chunks::<4>();
    let last = bytes.last_chunk::<4>().filter(|_| !rest.is_empty());
    for word in words.iter().chain(last) {
        let word = u32::from_le_bytes(*word);
        let [a, b] = [(halves[0] ^ word).wrapping_mul(0x0100_0193), (halves[1] ^ word).wrapping_mul(0x85eb_ca6b)];
        halves = [a ^ (a >> 15), b ^ (b >> 13)];
    }
    halves
}

/// The same as pages and files name it: 16 hexadecimal digits.
pub fn fingerprint_text(bytes: &[u8]) -> String {
    fingerprint(bytes)
        .iter()
        .flat_map(|half| (0..8).rev().map(move |digit| half >> (4 * digit) & 15))
        .filter_map(|digit| char::from_digit(digit, 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_pages_have_kept() {
        let bytes: Vec<u8> = (0..103u32).map(|place| (place * 37 + 11) as u8).collect();
        let found = [4, 5, 8, 103].map(|length| {
            let [a, b] = fingerprint(&bytes[..length]);
            assert_eq!(fingerprint_text(&bytes[..length]), format!("{a:08x}{b:08x}"));
            fingerprint_text(&bytes[..length])
        });
        assert_eq!(found, ["a31be1a837c9f712", "afd2733bb7acc5b2", "6bbca09133484279", "c5da64a2b3639459"]);
    }
}
