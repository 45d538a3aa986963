//! How many tokens an image has, as a model's maker counts them.

use wire::{Detail, Image};

use super::Tokens;

/// An image of any model of which nothing is known: 2,500 patches (OpenAI), each as 2.46 tokens.
const ANY: Tokens = Tokens {
    most: 6200,
    likely: 1000,
};

/// OpenAI's image models read an image of high fidelity: 8 tiles of 129 tokens, and up to 6,240 for its details
/// (OpenAI's docs, "Images and vision", GPT Image).
const GPT_IMAGE: Tokens = Tokens {
    most: 7400,
    likely: 1500,
};

/// The tokens of an image in the input of a model, by what its name says of its maker.
pub fn image_tokens(model: &str, image: Image) -> Tokens {
    let model = model.to_ascii_lowercase();
    let is = |part: &str| model.contains(part);
    if is("claude") {
        claude(&model, image)
    } else if is("gemini") {
        gemini(image)
    } else if is("gpt-image") || is("chatgpt-image") {
        GPT_IMAGE
    } else if is("gpt-4o-mini") {
        tiles(image, 2833, 5667)
    } else if TILED.iter().any(|part| is(part)) && !PATCHED.iter().any(|part| is(part)) {
        // The largest of the tile models' figures.
        tiles(image, 85, 170)
    } else if is("gpt-") || is("o4-mini") {
        patches(image)
    } else {
        ANY
    }
}

/// Models of OpenAI's that count tiles, and those among them that count patches ("Images and vision", "Calculating
/// costs"). Newer ones count patches.
const TILED: &[&str] = &[
    "gpt-4o",
    "gpt-4.1",
    "gpt-4.5",
    "gpt-4-turbo",
    "gpt-5-chat",
    "o1",
    "o3",
    "computer-use",
];
const PATCHED: &[&str] = &["gpt-4.1-mini", "gpt-4.1-nano", "gpt-5"];

/// A side of 2,048 pixels and one of 768 at most, in tiles of 512.
const TILES_MAX: u64 = 8;

fn tiles(image: Image, base: u64, tile: u64) -> Tokens {
    let of = |tiles: u64| base.saturating_add(tile.saturating_mul(tiles));
    match image.detail {
        Detail::Low => Tokens::same(base),
        // A screen of 1,024 by 768 has four.
        _ => Tokens {
            most: of(TILES_MAX),
            likely: of(4),
        },
    }
}

/// Patches of 32 pixels: up to 2,500 of them, or 10,000 with `original`, which is also what `auto` may mean. The dearest
/// of these models counts each as 2.46 tokens ("Images and vision", "Calculating costs").
fn patches(image: Image) -> Tokens {
    let most = match image.detail {
        Detail::Low => 256,
        Detail::High => 2500,
        Detail::Auto | Detail::Original => 10_000,
    };
    let found = image.pixels.map(|[width, height]| grid(width, height, 32));
    let tokens = |patches: u64| patches.saturating_mul(246).div_ceil(100);
    Tokens {
        most: tokens(found.unwrap_or(most).min(most)),
        likely: tokens(found.unwrap_or(1536).min(most).min(2500)),
    }
}

/// "Tokens = width × height / 750" of an image that is at most 1,568 pixels long: about 1,600; 2,576 pixels and 4,784
/// tokens from Opus 4.7 on (Anthropic's docs, "Vision").
fn claude(model: &str, image: Image) -> Tokens {
    const OLD: &[&str] = &[
        "claude-2", "claude-3", "4-0", "4-1", "4-5", "4-6", "4.5", "4.6",
    ];
    let most = match OLD.iter().any(|part| model.contains(part)) {
        true => 1640,
        false => 4784,
    };
    let found = image
        .pixels
        .map(|[width, height]| grid(width, height, 27).saturating_add(16));
    Tokens {
        most: found.unwrap_or(most).min(most),
        likely: found.unwrap_or(1600).min(most),
    }
}

/// 258 tokens a tile; tiles of 256 to 768 pixels, by the shorter side (Gemini's docs, "Image understanding"). Gemini 3
/// has up to 2,240 for an image, by its `media_resolution`.
fn gemini(image: Image) -> Tokens {
    let found = image.pixels.map(|[width, height]| {
        let tile = (width.min(height).saturating_mul(2) / 3).clamp(256, 768);
        grid(width, height, tile).saturating_mul(258)
    });
    Tokens {
        most: found.unwrap_or(ANY.most).max(2240),
        likely: found.unwrap_or(1120).max(1120),
    }
}

/// How many squares of a side cover an image.
const fn grid(width: u64, height: u64, side: u64) -> u64 {
    width.div_ceil(side).saturating_mul(height.div_ceil(side))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_as_many_tokens_as_its_model_s_maker_says() {
        let of = |model: &str, pixels, detail| image_tokens(model, Image { pixels, detail }).most;
        for (model, pixels, detail, most) in [
            ("gpt-4o", Some([4000, 3000]), Detail::High, 1445),
            ("gpt-4o", None, Detail::Low, 85),
            // 33 times as many, for which it is as much cheaper.
            ("gpt-4o-mini", None, Detail::Auto, 48_169),
            ("gpt-4.1-mini", Some([1024, 1024]), Detail::High, 2520),
            ("gpt-5-mini", Some([8000, 8000]), Detail::High, 6150),
            ("gpt-5.4", Some([3200, 3200]), Detail::Original, 24_600),
            ("gpt-5.4", None, Detail::Original, 24_600),
            ("gpt-5.4", Some([320, 320]), Detail::Original, 246),
            ("claude-sonnet-4-5", None, Detail::Auto, 1640),
            ("claude-opus-5", Some([8000, 8000]), Detail::Auto, 4784),
            ("claude-opus-5", Some([750, 750]), Detail::Auto, 800),
            ("gemini-2.5-flash", Some([960, 540]), Detail::Auto, 2240),
            ("gemini-2.5-flash", Some([7680, 7680]), Detail::Auto, 25_800),
            ("gemini-3-pro", None, Detail::Auto, 6200),
            ("gpt-image-1", None, Detail::Auto, 7400),
            ("pixtral-large", None, Detail::Auto, 6200),
        ] {
            assert_eq!(
                of(model, pixels, detail),
                most,
                "{model} {pixels:?} {detail:?}"
            );
        }
    }

    #[test]
    fn what_is_likely_is_no_more_than_the_most() {
        for model in [
            "gpt-4o",
            "gpt-4o-mini",
            "gpt-5.4",
            "claude-opus-5",
            "claude-3-haiku",
            "gemini-3-pro",
            "x",
        ] {
            for pixels in [
                None,
                Some([1, 1]),
                Some([1024, 768]),
                Some([20_000, 20_000]),
            ] {
                for detail in [Detail::Low, Detail::High, Detail::Auto, Detail::Original] {
                    let tokens = image_tokens(model, Image { pixels, detail });
                    assert!(
                        tokens.likely <= tokens.most,
                        "{model} {pixels:?} {detail:?}"
                    );
                }
            }
        }
    }
}
