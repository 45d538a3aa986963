//! Identifiers that look like Stripe's, from a generator that is seeded once at start.

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A splitmix64 generator. Identifiers have to be distinct, not unguessable: nothing here guards
/// anything of value.
pub(crate) struct Ids(u64);

impl Ids {
    pub(crate) fn seeded(seed: u64) -> Ids {
        Ids(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// `length` letters and digits.
    pub(crate) fn letters(&mut self, length: usize) -> String {
        (0..length)
            .map(|_| {
                let index = usize::try_from(self.next() % 62).unwrap_or(0);
                char::from(ALPHABET[index])
            })
            .collect()
    }

    /// A new identifier with this prefix. Customers and requests have short ones at Stripe.
    pub(crate) fn fresh(&mut self, prefix: &str) -> String {
        match prefix {
            "cus" | "req" => format!("{prefix}_{}", self.letters(14)),
            "pi" | "ch" | "re" => format!("{prefix}_3{}", self.letters(23)),
            _ => format!("{prefix}_1{}", self.letters(23)),
        }
    }
}
