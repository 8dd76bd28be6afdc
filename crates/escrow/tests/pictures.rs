//! Another program's reader (rqrr) finds the share in its pictures.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use avouch_escrow::{Secret, SecretKind, Share, qr, split, text};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

fn share(len: usize) -> Share {
    let secret = Secret {
        kind: SecretKind::Ed25519Key,
        bytes: vec![9; len].into(),
    };
    let mut random = ChaCha20Rng::from_seed([5; 32]);
    split(&secret, 3, 5, &mut random).unwrap().0.remove(1)
}

fn scan(width: usize, height: usize, dark: impl Fn(usize, usize) -> bool) -> String {
    let mut image = rqrr::PreparedImage::prepare_from_bitmap(width, height, dark);
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1, "one code");
    grids[0].decode().unwrap().1
}

#[test]
fn the_png_scans_as_the_share() {
    for len in [32, 1200] {
        let share = share(len);
        let bytes = qr::png(&share).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes.as_slice()))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let (width, height) = (info.width as usize, info.height as usize);
        let stride = info.line_size;
        let scanned = scan(width, height, |x, y| {
            (pixels[y * stride + x / 8] >> (7 - x % 8)) & 1 == 0
        });
        assert_eq!(scanned, *text::compact(&share));
        assert_eq!(text::read(&scanned).unwrap(), share);
    }
}

#[test]
fn the_svg_has_a_dark_square_where_the_png_has_one() {
    let share = share(32);
    let svg = qr::svg(&share).unwrap();
    // Each dark module is one `M x y h s v s H x V y` of the path.
    let number = |name: &str| -> usize {
        let from = svg.find(name).unwrap() + name.len();
        svg[from..].split('"').next().unwrap().parse().unwrap()
    };
    let side = number("width=\"");
    let path = svg
        .split(" d=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let mut dark = vec![false; side * side];
    for square in path.split('M').skip(1) {
        let numbers: Vec<usize> = square
            .split(|c: char| !c.is_ascii_digit())
            .filter(|part| !part.is_empty())
            .map(|part| part.parse().unwrap())
            .collect();
        let (x, y, s) = (numbers[0], numbers[1], numbers[2]);
        for (dx, dy) in (0..s).flat_map(|dx| (0..s).map(move |dy| (dx, dy))) {
            dark[(y + dy) * side + x + dx] = true;
        }
    }
    let scanned = scan(side, side, |x, y| dark[y * side + x]);
    assert_eq!(text::read(&scanned).unwrap(), share);
}
