//! What an authority is asked (TimeStampReq, RFC 3161, 2.4.1).

/// Version 1, SHA-256 of what is stamped, the nonce, and that the certificate should come along.
pub(super) fn encode(digest: &[u8; 32], nonce: &[u8]) -> Vec<u8> {
    // AlgorithmIdentifier of SHA-256: the OID and NULL.
    const SHA_256: &[u8] = &[
        0x30, 13, 0x06, 9, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0,
    ];
    let version = tlv(0x02, &[&[1]]);
    let imprint = tlv(0x30, &[SHA_256, &tlv(0x04, &[digest])]);
    let nonce = tlv(0x02, &[nonce]);
    let certificate_please = tlv(0x01, &[&[0xff]]);
    tlv(0x30, &[&version, &imprint, &nonce, &certificate_please])
}

/// 64 bits of nonce as a DER integer's value: positive, and as short as can be.
pub(super) fn nonce(random: &[u8; 32]) -> Vec<u8> {
    let mut nonce = random[..8].to_vec();
    // A first byte from 0x40 to 0x7f needs neither a zero before it nor one taken away.
    nonce[0] = nonce[0] & 0x3f | 0x40;
    nonce
}

/// Everything here is shorter than 128 bytes.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    [&[tag, value.len() as u8], value.as_slice()].concat()
}
