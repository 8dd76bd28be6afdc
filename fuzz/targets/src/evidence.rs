//! The evidence file.

use avouch_bundle::Bundle;

/// A bundle that is accepted has exactly one encoding.
pub(crate) fn bundle(data: &[u8]) -> bool {
    let Ok(bundle) = Bundle::decode(data) else {
        return false;
    };
    assert_eq!(bundle.encode().expect("what was decoded encodes"), data);
    for shown in bundle.disclosures.iter().flat_map(|shown| &shown.events) {
        assert_eq!(bundle.event(shown.seq), Some(shown));
    }
    true
}
