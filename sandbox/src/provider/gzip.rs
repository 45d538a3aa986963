//! gzip without compressing: stored blocks, which every decoder must take. It saves a dependency,
//! and whoever reads the answer has the same work to do.

const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The longest stored block.
const BLOCK_MAX: usize = 0xffff;

/// A gzip stream that is written piece by piece.
pub(crate) struct Gzip {
    crc: u32,
    length: u32,
    is_begun: bool,
}

impl Gzip {
    pub(crate) fn new() -> Gzip {
        Gzip {
            crc: !0,
            length: 0,
            is_begun: false,
        }
    }

    /// The next piece; it can be decoded as far as it goes.
    pub(crate) fn piece(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + 32);
        if !std::mem::replace(&mut self.is_begun, true) {
            out.extend(HEADER);
        }
        for block in bytes.chunks(BLOCK_MAX) {
            store(&mut out, block, false);
        }
        self.crc = bytes.iter().fold(self.crc, |crc, byte| step(crc, *byte));
        // The trailer has the length modulo 2^32, by its definition.
        let length = u32::try_from(bytes.len() & 0xffff_ffff).unwrap_or(0);
        self.length = self.length.wrapping_add(length);
        out
    }

    /// What comes after the last piece.
    pub(crate) fn end(&mut self) -> Vec<u8> {
        let mut out = self.piece(&[]);
        store(&mut out, &[], true);
        out.extend((!self.crc).to_le_bytes());
        out.extend(self.length.to_le_bytes());
        out
    }
}

/// A whole body.
pub(crate) fn whole(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = Gzip::new();
    let mut out = gzip.piece(bytes);
    out.extend(gzip.end());
    out
}

fn store(out: &mut Vec<u8>, block: &[u8], is_last: bool) {
    let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
    out.push(u8::from(is_last));
    out.extend(length.to_le_bytes());
    out.extend((!length).to_le_bytes());
    out.extend(block);
}

/// CRC-32 of one more byte.
fn step(crc: u32, byte: u8) -> u32 {
    let index = usize::from(crc.to_le_bytes()[0] ^ byte);
    TABLE[index] ^ (crc >> 8)
}

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    let mut seed = 0;
    while index < 256 {
        let (mut crc, mut bit) = (seed, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 {
                0xedb8_8320 ^ (crc >> 1)
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
        seed += 1;
    }
    table
}

#[test]
fn the_checksum_is_the_known_one() {
    let crc = "123456789".bytes().fold(!0, step);
    assert_eq!(!crc, 0xcbf4_3926);
}
