//! Keys, COSE signatures, signed statements, receipts and signed notes.
