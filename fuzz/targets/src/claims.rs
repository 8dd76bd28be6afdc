//! Claims, claims files and states.

use avouch_claims::{Claim, Claims, ClaimsFile, Filter, Ids, Matching, State, VotingRule};
use avouch_trace::{HEADER_LEN, Header, Kind};

/// Claims that are accepted have exactly one form.
pub(crate) fn claims(data: &[u8]) -> bool {
    let claims = Claims::decode(data);
    if let Ok(claims) = &claims {
        assert_eq!(claims.encode(), data);
    }
    claims.is_ok()
}

/// Claims that a file holds can be written in their canonical form and read again.
pub(crate) fn file(data: &[u8]) -> bool {
    let Ok(Ok(file)) = std::str::from_utf8(data).map(ClaimsFile::from_toml) else {
        return false;
    };
    assert_eq!(
        Claims::decode(&file.claims.encode()).as_ref(),
        Ok(&file.claims)
    );
    assert_eq!(file.entries.len(), file.claims.as_slice().len());
    true
}

/// Any headers after any state that is accepted are judged without a panic, and every state on the
/// way can be written and read again.
pub(crate) fn state(data: &[u8]) -> bool {
    let claims = judged();
    let (bytes, headers) = data
        .split_at_checked(State::encoded_len(&claims))
        .unwrap_or((data, &[]));
    let Ok(mut state) = State::decode(&claims, bytes) else {
        return false;
    };
    assert_eq!(state.encode(), bytes);
    for header in headers.chunks_exact(HEADER_LEN) {
        let header = header.try_into().map(Header::decode);
        let Ok(Ok(mut header)) = header else { break };
        header.seq = state.seq();
        if state.step(&header).is_err() {
            break;
        }
        // A forged state may lead to one that no trace leads to; a true one never does.
        if let Ok(read) = State::decode(&claims, &state.encode()) {
            assert_eq!(read, state);
        }
    }
    let _ = state.finish();
    true
}

/// One claim of each kind of register.
pub(crate) fn judged() -> Claims {
    let calls: Matching = Filter::of_kinds(&[Kind::ToolCall]).expect("a kind").into();
    let electorate = Ids::of_names(&["agent:a", "agent:b", "agent:c"]).expect("three names");
    let (round, quorum) = (1, 2);
    let rule = VotingRule::Weighted;
    Claims::new([
        Claim::Window {
            not_before: 0,
            not_after: u64::MAX,
        },
        Claim::Spend { max: u64::MAX },
        Claim::Budget {
            max_start: u64::MAX,
            max_raise: u64::MAX,
        },
        Claim::Halt,
        Claim::Allowed {
            matching: calls.clone(),
        },
        Claim::Oversight {
            matching: calls,
            score: 500_000,
        },
        Claim::Consensus {
            round,
            electorate,
            quorum,
            rule,
        },
    ])
    .expect("claims")
}
