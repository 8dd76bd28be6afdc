//! Headers, events, fields and manifests.

use avouch_merkle::LeafIndex;
use avouch_trace::{Body, Checker, Event, Field, HEADER_LEN, Header, Manifest};

/// A header or an event that is accepted has exactly one encoding; a trace of any events is judged
/// without a panic.
pub(crate) fn event(data: &[u8]) -> bool {
    if let Some(bytes) = data.first_chunk::<HEADER_LEN>()
        && let Ok(header) = Header::decode(bytes)
    {
        assert_eq!(&header.encode(), bytes);
    }
    let event = Event::from_cbor(data);
    if let Ok(event) = &event {
        assert_eq!(event.to_cbor(), data);
        assert_eq!(Event::from_packed(&event.to_packed()), Ok(*event));
    }
    let mut checker = Checker::new();
    for event in data.chunks_exact(Event::PACKED_LEN).map(Event::from_packed) {
        let Ok(event) = event else { break };
        if checker.event(&event).is_err() {
            break;
        }
    }
    event.is_ok() || checker.finish().is_ok()
}

/// A field that is accepted has exactly one encoding, and a body made of it opens.
pub(crate) fn field(data: &[u8]) -> bool {
    let Ok(field) = Field::decode(data) else {
        return false;
    };
    assert_eq!(field.bytes(), data);
    assert!(field.value().is_some());
    if let (Some(blob), Some(value)) = (field.blob(), field.value()) {
        assert_eq!(
            blob.to_value().to_vec().expect("a reference encodes"),
            value.bytes()
        );
    }
    let count_salt = field.salt();
    if let Ok(body) = Body::new(count_salt, vec![field]) {
        let all = [LeafIndex(0), LeafIndex(1)];
        let proof = body.proof(&all).expect("both leaves");
        let opened: Vec<(u64, Field)> = (0..).zip(body.fields().iter().cloned()).collect();
        assert_eq!(Body::verify(&body.root(), &opened, &proof), Ok(1));
        let mut wrong = body.root();
        wrong.0[0] ^= 1;
        assert!(Body::verify(&wrong, &opened, &proof).is_err());
    }
    true
}

/// A manifest that is accepted has exactly one encoding.
pub(crate) fn manifest(data: &[u8]) -> bool {
    let manifest = Manifest::decode(data);
    if let Ok(manifest) = &manifest {
        assert_eq!(manifest.encode(), data);
    }
    manifest.is_ok()
}
