//! Blocks as nodes describe them in JSON, written again as what their hashes are over.

use serde_json::Value;

use super::rpc::{bytes, quantity};
use crate::evm::rlp::{list, write_bytes};

/// How a member of a block header is written in JSON.
enum Form {
    Number,
    Bytes,
}

/// The header's fields in their order, which is also that of the forks that appended to it: those of every block, then
/// London (EIP-1559), Shanghai (4895), Cancun (4844, 4788), Prague (7685), Amsterdam (7928).
const FIELDS: [(&str, Form); 22] = [
    ("parentHash", Form::Bytes),
    ("sha3Uncles", Form::Bytes),
    ("miner", Form::Bytes),
    ("stateRoot", Form::Bytes),
    ("transactionsRoot", Form::Bytes),
    ("receiptsRoot", Form::Bytes),
    ("logsBloom", Form::Bytes),
    ("difficulty", Form::Number),
    ("number", Form::Number),
    ("gasLimit", Form::Number),
    ("gasUsed", Form::Number),
    ("timestamp", Form::Number),
    ("extraData", Form::Bytes),
    ("mixHash", Form::Bytes),
    ("nonce", Form::Bytes),
    ("baseFeePerGas", Form::Number),
    ("withdrawalsRoot", Form::Bytes),
    ("blobGasUsed", Form::Number),
    ("excessBlobGas", Form::Number),
    ("parentBeaconBlockRoot", Form::Bytes),
    ("requestsHash", Form::Bytes),
    ("blockAccessListHash", Form::Bytes),
];
/// How many of them every block has.
const ALWAYS: usize = 15;
/// The type of the transactions that rollups of the OP Stack begin every block with; their receipts have two more fields.
const DEPOSIT: u8 = 0x7e;

/// A block's header in RLP. Whether it is the header is for its hash to tell.
pub(super) fn header(block: &Value) -> Result<Vec<u8>, String> {
    let mut fields = Vec::with_capacity(640);
    for (at, (name, form)) in FIELDS.iter().enumerate() {
        match block.get(name).filter(|value| !value.is_null()) {
            Some(value) => write(&mut fields, name, form, value)?,
            None if at >= ALWAYS => {}
            None => return Err(format!("the block has no {name}")),
        }
    }
    Ok(list(&fields))
}

/// A transaction's receipt as the receipts' trie holds it.
pub(super) fn receipt(receipt: &Value) -> Result<Vec<u8>, String> {
    let member = |value: &Value, name: &str| match value.get(name) {
        Some(member) => Ok(member.clone()),
        None => Err(format!("a receipt has no {name}")),
    };
    let mut logs = Vec::new();
    for log in array(&member(receipt, "logs")?)? {
        let mut fields = Vec::new();
        write(
            &mut fields,
            "address",
            &Form::Bytes,
            &member(log, "address")?,
        )?;
        let mut topics = Vec::new();
        for topic in array(&member(log, "topics")?)? {
            write(&mut topics, "topics", &Form::Bytes, topic)?;
        }
        fields.extend_from_slice(&list(&topics));
        write(&mut fields, "data", &Form::Bytes, &member(log, "data")?)?;
        logs.extend_from_slice(&list(&fields));
    }
    let mut fields = Vec::new();
    for (name, form) in [
        ("status", Form::Number),
        ("cumulativeGasUsed", Form::Number),
        ("logsBloom", Form::Bytes),
    ] {
        write(&mut fields, name, &form, &member(receipt, name)?)?;
    }
    fields.extend_from_slice(&list(&logs));
    let kind = receipt.get("type").map_or(Ok(Vec::new()), quantity);
    let mut encoded = kind.map_err(|why| format!("type: {why}"))?;
    if encoded == [DEPOSIT] {
        // Both since Canyon, where the second came; before, the trie had neither.
        for name in ["depositNonce", "depositReceiptVersion"] {
            if receipt.get("depositReceiptVersion").is_some() {
                write(&mut fields, name, &Form::Number, &member(receipt, name)?)?;
            }
        }
    }
    encoded.extend_from_slice(&list(&fields));
    Ok(encoded)
}

fn array(value: &Value) -> Result<&Vec<Value>, String> {
    value
        .as_array()
        .ok_or_else(|| "a receipt's logs or topics are no array".into())
}

fn write(out: &mut Vec<u8>, name: &str, form: &Form, value: &Value) -> Result<(), String> {
    let value = match form {
        Form::Number => quantity(value),
        Form::Bytes => bytes(value),
    };
    write_bytes(out, &value.map_err(|why| format!("{name}: {why}"))?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The receipt of an OP Stack deposit that several clients test with.
    #[test]
    fn receipts_of_rollups_are_written_as_others_write_them() {
        let (head, tail) = ("7ef9010d0182b741b90100", "c0833d3bbf01");
        let expected = format!("{head}{}{tail}", "00".repeat(256));
        let mut deposit = json!({
            "type": "0x7e",
            "status": "0x1",
            "cumulativeGasUsed": "0xb741",
            "logsBloom": format!("0x{}", "00".repeat(256)),
            "logs": [],
            "depositNonce": "0x3d3bbf",
            "depositReceiptVersion": "0x1",
        });
        assert_eq!(hex::encode(receipt(&deposit).unwrap()), expected);
        // The same as an ordinary transaction.
        for (kind, prefix) in [("0x2", "02"), ("0x0", "")] {
            deposit["type"] = kind.into();
            let expected = format!("{prefix}f901080182b741b90100{}c0", "00".repeat(256));
            assert_eq!(hex::encode(receipt(&deposit).unwrap()), expected);
        }
    }

    #[test]
    fn what_a_node_leaves_out_or_miswrites_is_named() {
        assert_eq!(
            header(&json!({})),
            Err("the block has no parentHash".into())
        );
        let bad = json!({"parentHash": "0x0"});
        assert!(
            header(&bad)
                .unwrap_err()
                .starts_with("parentHash: expected 0x")
        );
        let bad = json!({"logs": [{"address": "0x00", "topics": 7, "data": "0x"}]});
        assert!(receipt(&bad).is_err());
        assert_eq!(
            receipt(&json!({"logs": []})),
            Err("a receipt has no status".into())
        );
    }
}
