//! The append-only SQLite journal, content-addressed blobs and transparency log of avouch.
