//! The avouch evidence file: one strict format for statement, receipts, checkpoint and disclosures.
