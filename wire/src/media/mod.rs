//! What images and documents in a request say of their own size: pixels and pages, read off their headers and page
//! trees. What can't be read has no size, and whoever bounds it takes a safe ceiling.

mod base64;
mod image;
mod pdf;

/// How much of an image is looked at. A JPEG's size stands behind its thumbnail and colour profile.
const IMAGE_HEAD: usize = 512 * 1024;

/// The width and height of an image in base64: PNG, JPEG, GIF or WebP.
pub(crate) fn pixels(data: &str) -> Option<[u64; 2]> {
    image::pixels(&base64::decode(data, IMAGE_HEAD))
}

/// The pages of a PDF in base64, or in a `data:` URL.
pub(crate) fn pdf_pages(data: &str) -> Option<u64> {
    let data = match data.strip_prefix("data:") {
        Some(url) => url.split_once(',')?.1,
        None => data,
    };
    pdf::pages(&base64::decode(data, usize::MAX))
}
