//! A share as a QR code, as SVG and as PNG.

use qrcode::render::svg;
use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

use crate::{Error, Share, text};

/// Pixels of one module's side.
const MODULE: usize = 4;
/// Modules of white around the code (ISO/IEC 18004).
const QUIET: usize = 4;
/// Letters that the largest code holds at the level used (alphanumeric, level M).
const MAX_LETTERS: usize = 3391;

/// As a picture of lines.
///
/// # Errors
/// [`Error::TooLong`].
pub fn svg(share: &Share) -> Result<Zeroizing<String>, Error> {
    let code = code(share)?;
    let picture = code
        .render::<svg::Color<'_>>()
        .min_dimensions(480, 480)
        .build();
    Ok(Zeroizing::new(picture))
}

/// As a picture of pixels: black on white, one bit each.
///
/// # Errors
/// [`Error::TooLong`].
pub fn png(share: &Share) -> Result<Zeroizing<Vec<u8>>, Error> {
    let code = code(share)?;
    let (width, modules) = (code.width(), code.to_colors());
    let side = (width + 2 * QUIET) * MODULE;
    let stride = side.div_ceil(8);
    // All white.
    let mut pixels = Zeroizing::new(vec![0xff; stride * side]);
    for y in 0..width * MODULE {
        for x in 0..width * MODULE {
            if modules[y / MODULE * width + x / MODULE] == Color::Dark {
                let (x, y) = (x + QUIET * MODULE, y + QUIET * MODULE);
                pixels[y * stride + x / 8] &= !(0x80 >> (x % 8));
            }
        }
    }
    let mut out = Zeroizing::new(Vec::new());
    // At most 177 modules a side.
    let mut encoder = png::Encoder::new(&mut *out, side as u32, side as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let written = encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&pixels));
    written.map_err(|_| Error::Split("the picture cannot be written"))?;
    Ok(out)
}

fn code(share: &Share) -> Result<QrCode, Error> {
    let letters = text::compact(share);
    QrCode::with_error_correction_level(letters.as_bytes(), EcLevel::M).map_err(|_| {
        Error::TooLong {
            form: "a QR code",
            len: letters.len(),
            max: MAX_LETTERS,
        }
    })
}
