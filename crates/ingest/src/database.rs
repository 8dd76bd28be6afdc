//! SQLite databases as sources: which one it is, and its rows as text.
//!
//! A database's file is not what its owner recorded: the same rows have other bytes after a checkpoint
//! or a VACUUM. So the input that is hashed and cut into records is a text made of the rows, one line
//! each, in an order that the format gives:
//!
//! ```text
//! {"table":"audit_events","row":{"event_id":"...","duration_ms":12,"metadata":null}}
//! ```
//!
//! Between the two, `"group"` is there where the format cuts the rows into runs, and says which one a row is
//! of. The members of `row` are the table's columns in their order. INTEGER is a JSON number without point and exponent, REAL one
//! with either (the shortest that reads back as the same double), TEXT a string, NULL `null`, BLOB
//! `{"blob":"hex"}`; TEXT that is not UTF-8 `{"text":"hex"}`, infinities `{"real":"inf"}` and `{"real":"-inf"}`.

/// How the rows of a format's database are put in order.
#[cfg_attr(not(feature = "sqlite"), expect(dead_code))]
pub(crate) struct Database {
    /// The tables that it must have to be recognised.
    pub(crate) requires: &'static [&'static str],
    /// The order of the tables' rows. Rows of other tables come before all of them, by table name.
    /// Indexes made of tables (full-text search) and views hold no rows of their own.
    pub(crate) tables: &'static [Table],
}

/// A table whose rows have a place in the order.
#[cfg_attr(not(feature = "sqlite"), expect(dead_code))]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// An SQL expression over its columns: rows with the same value lie together, NULL first. Runs
    /// are cut by this.
    pub(crate) group: &'static str,
    /// An SQL expression that orders the rows of all tables inside a group, NULL first. Equal ones
    /// are in the order of [`Database::tables`], then as they were inserted.
    pub(crate) order: &'static str,
}

/// Whether an input starts like an SQLite database.
pub(crate) fn is_database(start: &[u8]) -> bool {
    start.starts_with(b"SQLite format 3\0")
}

#[cfg(feature = "sqlite")]
pub(crate) use rows::{read, read_file};

#[cfg(not(feature = "sqlite"))]
pub(crate) fn read<R>(
    source_name: &str,
    _: R,
    _: &crate::Options<'_>,
) -> Result<(crate::Format, std::fs::File), crate::Error> {
    Err(crate::Error::IsDatabase {
        file: source_name.to_owned(),
    })
}

#[cfg(not(feature = "sqlite"))]
pub(crate) fn read_file(
    path: &std::path::Path,
    options: &crate::Options<'_>,
) -> Result<(crate::Format, std::fs::File), crate::Error> {
    read(&path.to_string_lossy(), path, options)
}

#[cfg(feature = "sqlite")]
mod rows {
    use std::fs::File;
    use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
    use std::path::Path;

    use rusqlite::config::DbConfig;
    use rusqlite::types::ValueRef;
    use rusqlite::{Connection, Row};

    use super::Database;
    use crate::snapshot::{self, Snapshot};
    use crate::{Error, Format, Options};

    /// Reads out a database that is given as bytes. What its owner has only in a write-ahead log
    /// beside it is not in them.
    pub(crate) fn read<R: Read + Seek>(
        source_name: &str,
        mut reader: R,
        options: &Options<'_>,
    ) -> Result<(Format, File), Error> {
        let taken = snapshot::spool(&mut reader).map_err(|source| Error::Read {
            file: source_name.to_owned(),
            source,
        })?;
        from_snapshot(source_name, &taken, options)
    }

    /// Reads out a database at this path, which its owner may be writing to.
    pub(crate) fn read_file(path: &Path, options: &Options<'_>) -> Result<(Format, File), Error> {
        let file = path.to_string_lossy();
        match snapshot::take(path) {
            Ok(Some(taken)) => from_snapshot(&file, &taken, options),
            Ok(None) => Err(Error::Changed {
                file: file.into_owned(),
            }),
            Err(source) => Err(Error::Read {
                file: file.into_owned(),
                source,
            }),
        }
    }

    fn from_snapshot(
        file: &str,
        taken: &Snapshot,
        options: &Options<'_>,
    ) -> Result<(Format, File), Error> {
        let unreadable = |reason: String| Error::Database {
            file: file.to_owned(),
            reason,
        };
        let sql = |error: rusqlite::Error| unreadable(error.to_string());
        // The copy is ours: opening it may roll it back or forward to its last whole transaction.
        let conn = Connection::open(taken.path()).map_err(sql)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)
            .map_err(sql)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)
            .map_err(sql)?;
        let tables = tables(&conn).map_err(sql)?;
        let has = |database: &Database| {
            let mut required = database.requires.iter();
            required.all(|name| tables.iter().any(|table| table.name == *name))
        };
        let known = |format: &Format| format.spec().database.is_some_and(has);
        let format = match options.format {
            Some(format) if format.spec().database.is_none() => None,
            Some(format) => Some(format),
            None => Format::ALL.into_iter().find(known),
        };
        let database = format.and_then(|format| Some((format, format.spec().database?)));
        let Some((format, database)) = database else {
            return Err(Error::IsDatabase {
                file: file.to_owned(),
            });
        };
        let missing = |name: &&&str| !tables.iter().any(|table| table.name == **name);
        if let Some(table) = database.requires.iter().find(missing) {
            return Err(unreadable(format!(
                "it has no table {table}, as the format {format} has to have"
            )));
        }
        let mut dump = tempfile::tempfile().map_err(|source| Error::Read {
            file: file.to_owned(),
            source,
        })?;
        match write_rows(&conn, database, &tables, &dump) {
            Err(Failure::Sql(error)) => return Err(sql(error)),
            Err(Failure::Io(source)) => {
                return Err(Error::Read {
                    file: file.to_owned(),
                    source,
                });
            }
            Ok(()) => {}
        }
        dump.seek(SeekFrom::Start(0))
            .map_err(|source| Error::Read {
                file: file.to_owned(),
                source,
            })?;
        Ok((format, dump))
    }

    enum Failure {
        Sql(rusqlite::Error),
        Io(io::Error),
    }

    impl From<rusqlite::Error> for Failure {
        fn from(error: rusqlite::Error) -> Self {
            Self::Sql(error)
        }
    }

    impl From<io::Error> for Failure {
        fn from(error: io::Error) -> Self {
            Self::Io(error)
        }
    }

    /// A table that the database has.
    struct Found {
        name: String,
        columns: Vec<String>,
        /// What numbers its rows: the rowid, or their place in the order of the primary key.
        number: String,
    }

    /// All tables that hold rows of their own, by name.
    fn tables(conn: &Connection) -> rusqlite::Result<Vec<Found>> {
        // sqlite_sequence tells how many rows there ever were; the other tables of that kind say
        // nothing about the records.
        let mut list = conn.prepare(
            "SELECT name, wr FROM pragma_table_list
             WHERE schema = 'main' AND type = 'table'
               AND (name NOT LIKE 'sqlite\\_%' ESCAPE '\\' OR name = 'sqlite_sequence')
             ORDER BY name",
        )?;
        let names: Vec<(String, bool)> = list
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let mut found = Vec::new();
        for (name, without_rowid) in names {
            let rows = conn.prepare(&format!("SELECT * FROM {}", quoted(&name)))?;
            let columns = rows.column_names().map(str::to_owned).collect();
            let number = match without_rowid {
                false => "_rowid_".to_owned(),
                true => {
                    let mut keys = conn.prepare(
                        "SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk",
                    )?;
                    let keys: Vec<String> = keys
                        .query_map([&name], |row| row.get(0))?
                        .collect::<rusqlite::Result<_>>()?;
                    let keys: Vec<String> = keys.iter().map(|key| quoted(key)).collect();
                    format!("row_number() OVER (ORDER BY {})", keys.join(", "))
                }
            };
            found.push(Found {
                name,
                columns,
                number,
            });
        }
        Ok(found)
    }

    fn quoted(name: &str) -> String {
        format!("\"{}\"", name.replace('"', "\"\""))
    }

    /// Writes all rows in order.
    fn write_rows(
        conn: &Connection,
        database: &Database,
        tables: &[Found],
        dump: &File,
    ) -> Result<(), Failure> {
        let widest = tables.iter().map(|table| table.columns.len()).max();
        let widest = widest.unwrap_or(0);
        let mut parts = Vec::new();
        for (index, table) in tables.iter().enumerate() {
            let ranked = database.tables.iter().enumerate();
            let mut ranked = ranked.filter(|(_, known)| known.name == table.name);
            let (rank, group, order) = ranked.next().map_or((0, "NULL", "NULL"), |(at, known)| {
                (at + 1, known.group, known.order)
            });
            // All parts of a compound have the width of the widest.
            let padding = ", NULL".repeat(widest - table.columns.len());
            parts.push(format!(
                "SELECT {index}, ({group}) COLLATE BINARY, {known}, ({order}) COLLATE BINARY, {rank}, {number}, t.*{padding} FROM {name} AS t",
                known = u8::from(rank > 0),
                number = table.number,
                name = quoted(&table.name),
            ));
        }
        if parts.is_empty() {
            return Ok(());
        }
        let mut rows = conn.prepare(&format!(
            "{} ORDER BY 2, 3, 4, 5, 1, 6",
            parts.join(" UNION ALL ")
        ))?;
        let mut rows = rows.query([])?;
        let mut out = BufWriter::new(dump);
        while let Some(row) = rows.next()? {
            let index: u32 = row.get(0)?;
            if let Some(table) = tables.get(index as usize) {
                write_row(&mut out, table, row)?;
            }
        }
        out.flush()?;
        Ok(())
    }

    /// How many columns come before a row's own.
    const BEFORE: usize = 6;
    /// Which of them is the group.
    const GROUP: usize = 1;

    fn write_row(out: &mut impl Write, table: &Found, row: &Row<'_>) -> Result<(), Failure> {
        out.write_all(b"{\"table\":")?;
        text(out, &table.name)?;
        match row.get_ref(GROUP)? {
            ValueRef::Null => {}
            group => {
                out.write_all(b",\"group\":")?;
                value(out, group)?;
            }
        }
        out.write_all(b",\"row\":{")?;
        for (at, column) in table.columns.iter().enumerate() {
            if at > 0 {
                out.write_all(b",")?;
            }
            text(out, column)?;
            out.write_all(b":")?;
            value(out, row.get_ref(BEFORE + at)?)?;
        }
        out.write_all(b"}}\n")?;
        Ok(())
    }

    fn text(out: &mut impl Write, text: &str) -> io::Result<()> {
        Ok(serde_json::to_writer(out, text)?)
    }

    fn value(out: &mut impl Write, value: ValueRef<'_>) -> io::Result<()> {
        match value {
            ValueRef::Null => out.write_all(b"null"),
            ValueRef::Integer(number) => write!(out, "{number}"),
            ValueRef::Real(number) if number.is_finite() => {
                Ok(serde_json::to_writer(out, &number)?)
            }
            // SQLite has no NaN.
            ValueRef::Real(number) => write!(out, "{{\"real\":\"{number}\"}}"),
            ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(string) => text(out, string),
                Err(_) => hex(out, "text", bytes),
            },
            ValueRef::Blob(bytes) => hex(out, "blob", bytes),
        }
    }

    fn hex(out: &mut impl Write, kind: &str, bytes: &[u8]) -> io::Result<()> {
        write!(out, "{{\"{kind}\":\"")?;
        for byte in bytes {
            write!(out, "{byte:02x}")?;
        }
        out.write_all(b"\"}")
    }
}
