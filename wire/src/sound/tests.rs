//! Files are made here byte by byte: none of them is anybody's recording.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

use super::{bytes_per_second, millis};

fn wav(seconds: u32) -> Vec<u8> {
    let data = seconds * 32_000;
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    file.extend(16_000_u32.to_le_bytes());
    file.extend(32_000_u32.to_le_bytes());
    file.extend([2, 0, 16, 0]);
    file.extend(b"LIST\x03\0\0\0abc\0data");
    file.extend(data.to_le_bytes());
    file.resize(file.len() + usize::try_from(data).unwrap(), 0);
    file
}

/// 24 ms each: MPEG 2 layer III, 64 kbit and 24,000 samples in a second.
fn mp3(frames: usize) -> Vec<u8> {
    let mut file = b"ID3\x04\0\0\0\0\0\x05hello".to_vec();
    for _ in 0..frames {
        let at = file.len();
        file.extend([0xFF, 0xF3, 0x84, 0xC0]);
        file.resize(at + 192, 0);
    }
    file
}

fn aac(frames: usize) -> Vec<u8> {
    let frame = [
        0xFF, 0xF1, 0x50, 0x80, 0x02, 0x1F, 0xFC, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    frame.repeat(frames)
}

fn flac(samples: u64) -> Vec<u8> {
    let mut file = b"fLaC\0\0\0\x22".to_vec();
    file.extend([0; 10]);
    file.extend(((44_100_u64 << 44) | (0xF << 36) | samples).to_be_bytes());
    file
}

fn ogg(packet: &[u8], position: u64) -> Vec<u8> {
    let mut file = Vec::new();
    for (position, packet) in [(0, packet), (u64::MAX, b"-"), (position, b"-")] {
        file.extend(b"OggS\0\0");
        file.extend(position.to_le_bytes());
        file.extend([0; 12]);
        file.extend([1, u8::try_from(packet.len()).unwrap()]);
        file.extend(packet);
    }
    file
}

fn mp4(version: u8) -> Vec<u8> {
    let mut header = vec![version, 0, 0, 0];
    if version == 0 {
        header.extend([0; 8]);
        header.extend(600_u32.to_be_bytes());
        header.extend(1801_u32.to_be_bytes());
    } else {
        header.extend([0; 16]);
        header.extend(600_u32.to_be_bytes());
        header.extend(1801_u64.to_be_bytes());
    }
    let part = |name: &[u8], content: &[u8]| {
        let length = u32::try_from(8 + content.len()).unwrap();
        [&length.to_be_bytes(), name, content].concat()
    };
    let moov = part(b"moov", &part(b"mvhd", &header));
    [part(b"ftyp", b"M4A "), part(b"free", b""), moov].concat()
}

/// A duration of 2,000.5 ticks of a millisecond, or none; and a block at 1,250 of a cluster without a length.
fn webm(duration: bool) -> Vec<u8> {
    let mut file = vec![0x1A, 0x45, 0xDF, 0xA3, 0x80, 0x18, 0x53, 0x80, 0x67];
    file.extend([0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
    if duration {
        file.extend([0x15, 0x49, 0xA9, 0x66, 0x8B, 0x44, 0x89, 0x88]);
        // 2000.5 as a double.
        file.extend(0x409F_4200_0000_0000_u64.to_be_bytes());
    }
    file.extend([0x1F, 0x43, 0xB6, 0x75, 0xFF, 0xE7, 0x82, 0x03, 0xE8]);
    file.extend([0xA3, 0x84, 0x81, 0x00, 0xFA, 0x80]);
    file
}

#[test]
fn every_format_says_how_long_it_is() {
    let opus = ogg(b"OpusHead\x01\x01\x38\x01", 48_312);
    let vorbis = ogg(b"\x01vorbis\0\0\0\0\x01\x44\xAC\0\0", 44_100);
    for (name, file, expected) in [
        ("wav", wav(30), Some(30_000)),
        ("mp3", mp3(100), Some(2400)),
        ("one frame", mp3(1), None),
        ("aac", aac(43), Some(999)),
        ("flac", flac(441_000), Some(10_000)),
        ("opus", opus, Some(1000)),
        ("vorbis", vorbis, Some(1000)),
        ("mp4", mp4(0), Some(3002)),
        ("mp4, 64 bits", mp4(1), Some(3002)),
        ("webm", webm(true), Some(2001)),
        ("webm of a recorder", webm(false), Some(1250)),
        ("text", b"hello".to_vec(), None),
        ("nothing", Vec::new(), None),
    ] {
        assert_eq!(millis(&file), expected, "{name}");
        for end in 0..file.len().min(400) {
            // Whatever is cut off, nothing panics.
            let _ = millis(&file[..end]);
        }
    }
}

#[test]
fn a_recorder_that_does_not_know_its_length_is_measured() {
    let mut streamed = wav(2);
    let data = streamed
        .windows(4)
        .position(|part| part == b"data")
        .unwrap();
    for length in [0_u32, u32::MAX] {
        streamed[data + 4..data + 8].copy_from_slice(&length.to_le_bytes());
        assert_eq!(millis(&streamed), Some(2000));
    }
}

#[test]
fn a_header_that_says_too_little_is_not_believed() {
    let mut file = flac(44_100);
    file.resize(640_000, 0);
    assert_eq!(millis(&file), Some(10_000));
}

#[test]
fn the_rate_of_speech_is_known() {
    assert_eq!(bytes_per_second("audio/pcm", b""), Some(48_000));
    assert_eq!(bytes_per_second("audio/wav", &wav(0)), Some(32_000));
    assert_eq!(bytes_per_second("audio/mpeg", &mp3(1)), Some(8000));
    assert_eq!(bytes_per_second("audio/opus", b"OggS"), None);
}
