//! Much at once: statements that are read together, rows to be found by ids, rows to be written, and the
//! SQL for either engine. For rows SQLite gets one prepared statement in a loop, PostgreSQL one statement over arrays.

use std::sync::OnceLock;

use tokio_postgres::types::ToSql;

use crate::store::value::Value;

/// Whether a read locks the rows that it finds until the end of the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// PostgreSQL locks them, in the order of their ids; on SQLite the transaction itself is alone.
    ForUpdate,
    /// They are only read.
    No,
}

/// A reading statement that is run together with others.
#[derive(Debug)]
pub struct Query<'a> {
    /// Its text.
    pub sql: &'a str,
    /// What stands for `$1`, `$2` … in it.
    pub params: Vec<Value>,
}

/// Rows to be found by their ids.
#[derive(Debug)]
pub struct Lookup<'a> {
    /// A statement up to and without its `WHERE`.
    pub select: &'a str,
    /// The column that the ids are of.
    pub key: &'a str,
    /// The ids, in order: so nodes that lock them never wait for each other in a circle.
    pub ids: Vec<String>,
    /// Whether the rows are locked.
    pub lock: Lock,
}

/// Rows to be written.
#[derive(Debug)]
pub struct Write<'a> {
    /// Where to and how.
    pub insert: &'a Insert,
    /// The values of each row, in the order of the columns.
    pub rows: Vec<Vec<Value>>,
}

/// How rows are written: a table, its columns, and what a clash does.
#[derive(Debug)]
pub struct Insert {
    table: &'static str,
    columns: &'static [Column],
    on_conflict: &'static str,
    /// Put together when it is first needed: every group writes by the same few.
    row_sql: OnceLock<String>,
    arrays_sql: OnceLock<String>,
}

/// A column's name and type.
#[derive(Debug)]
pub enum Column {
    /// BIGINT.
    Int(&'static str),
    /// TEXT.
    Text(&'static str),
    /// BYTEA.
    Bytes(&'static str),
}

/// One column of many rows, as PostgreSQL takes it.
pub(super) type Array<'a> = Box<dyn ToSql + Sync + Send + 'a>;

impl Insert {
    /// Writes these columns of a table, in the order of each row's values. A clash is
    /// [`super::StoreError::Duplicate`].
    pub const fn into(table: &'static str, columns: &'static [Column]) -> Self {
        Self {
            table,
            columns,
            on_conflict: "",
            row_sql: OnceLock::new(),
            arrays_sql: OnceLock::new(),
        }
    }

    /// The same with an `ON CONFLICT …` clause.
    pub const fn on_conflict(mut self, clause: &'static str) -> Self {
        self.on_conflict = clause;
        self
    }

    /// A statement that writes one row, for SQLite.
    pub(super) fn row_sql(&self) -> &str {
        self.row_sql.get_or_init(|| self.for_a_row())
    }

    /// A statement that writes all rows from one array a column, for PostgreSQL.
    pub(super) fn arrays_sql(&self) -> &str {
        self.arrays_sql.get_or_init(|| self.for_arrays())
    }

    fn names(&self) -> Vec<&'static str> {
        self.columns
            .iter()
            .map(|(Column::Int(name) | Column::Text(name) | Column::Bytes(name))| *name)
            .collect()
    }

    fn for_a_row(&self) -> String {
        let values: Vec<_> = (1..=self.columns.len())
            .map(|number| format!("${number}"))
            .collect();
        let (table, names, values) = (self.table, self.names().join(", "), values.join(", "));
        format!(
            "INSERT INTO {table} ({names}) VALUES ({values}) {}",
            self.on_conflict
        )
    }

    fn for_arrays(&self) -> String {
        let arrays = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| match column {
                Column::Int(_) => format!("${}::bigint[]", index + 1),
                Column::Text(_) => format!("${}::text[]", index + 1),
                Column::Bytes(_) => format!("${}::bytea[]", index + 1),
            });
        let (table, names) = (self.table, self.names().join(", "));
        let arrays: Vec<_> = arrays.collect();
        format!(
            "INSERT INTO {table} ({names}) SELECT * FROM unnest({}) {}",
            arrays.join(", "),
            self.on_conflict
        )
    }

    /// The rows turned into one array a column.
    pub(super) fn arrays<'a>(&self, rows: &'a [Vec<Value>]) -> Vec<Array<'a>> {
        let column_of = |index: usize| rows.iter().map(move |row| row.get(index));
        let arrays = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| match column {
                Column::Int(_) => {
                    let ints = column_of(index).map(|value| match value {
                        Some(Value::Int(int)) => Some(*int),
                        _ => None,
                    });
                    Box::new(ints.collect::<Vec<_>>()) as Array<'a>
                }
                Column::Text(_) => {
                    let texts = column_of(index).map(|value| match value {
                        Some(Value::Text(text)) => Some(text.as_str()),
                        _ => None,
                    });
                    Box::new(texts.collect::<Vec<_>>())
                }
                Column::Bytes(_) => {
                    let all = column_of(index).map(|value| match value {
                        Some(Value::Bytes(bytes)) => Some(bytes.as_slice()),
                        _ => None,
                    });
                    Box::new(all.collect::<Vec<_>>())
                }
            });
        arrays.collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::{DatabaseConfig, DatabaseUrl};
    use crate::store::StoreError;
    use crate::store::db::Db;

    static INSERT: Insert = Insert::into(
        "farebox_db_test",
        &[Column::Text("id"), Column::Int("number")],
    );

    /// SQLite, and PostgreSQL where the environment names a server.
    fn engines(dir: &std::path::Path) -> Vec<Db> {
        let mut urls = vec![DatabaseUrl::Sqlite(dir.join("test.db"))];
        let server = std::env::var("FAREBOX_TEST_POSTGRES").ok();
        urls.extend(server.map(|url| DatabaseUrl::Postgres(url.into())));
        let config = |url| DatabaseConfig {
            url,
            pool_size: 2,
            batch_max: 1,
        };
        urls.into_iter()
            .map(|url| Db::open(&config(url)).unwrap())
            .collect()
    }

    fn row(id: &str) -> Vec<Value> {
        vec![id.into(), 1.into()]
    }

    fn lookup<'a>() -> Lookup<'a> {
        Lookup {
            select: "SELECT id, number FROM farebox_db_test",
            key: "id",
            ids: vec!["one".to_owned(), "two".to_owned()],
            lock: Lock::ForUpdate,
        }
    }

    /// Writes each of the groups of rows by a statement of its own, in one transaction; returns how
    /// many of [`lookup`]'s rows it found there before.
    async fn commit(db: &Db, writes: &[&[&str]]) -> Result<usize, StoreError> {
        let writes = writes.iter().map(|ids| Write {
            insert: &INSERT,
            rows: ids.iter().map(|id| row(id)).collect(),
        });
        let (tx, found) = db.begin_with(&[lookup()]).await?;
        tx.insert_and_commit(&writes.collect::<Vec<_>>()).await?;
        Ok(found[0].len())
    }

    #[tokio::test]
    async fn a_write_that_fails_leaves_nothing_of_the_others() {
        let dir = tempfile::tempdir().unwrap();
        for db in engines(dir.path()) {
            let mut tx = db.begin().await.unwrap();
            let script = "DROP TABLE IF EXISTS farebox_db_test; \
                 CREATE TABLE farebox_db_test (id TEXT PRIMARY KEY, number BIGINT NOT NULL)";
            tx.script(script).await.unwrap();
            tx.commit().await.unwrap();

            assert_eq!(commit(&db, &[&["one"], &[]]).await.unwrap(), 0);
            // The one that fails comes first, last and in between.
            for writes in [
                [["one"].as_slice(), &["two"]],
                [&["two"], &["one"]],
                [&["two"], &["three", "two"]],
            ] {
                let refused = commit(&db, &writes).await;
                let engine = db.engine();
                assert!(
                    matches!(refused, Err(StoreError::Duplicate(_))),
                    "{engine}: {refused:?}"
                );
            }
            assert_eq!(commit(&db, &[&["two"]]).await.unwrap(), 1);
            assert_eq!(commit(&db, &[]).await.unwrap(), 2);
            db.execute("DROP TABLE farebox_db_test", &[]).await.unwrap();
        }
    }
}
