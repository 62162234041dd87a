use crate::{Column, Error, Result, Value};

/// One row of an answer.
pub struct Row<'r>(pub(crate) EngineRow<'r>);

pub(crate) enum EngineRow<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r postgres::Row),
}

impl Row<'_> {
    /// The value of the column at this place, counted from 0.
    ///
    /// # Errors
    /// [`Error::Value`] if there is no such column, or it holds something else.
    pub fn get<T: Column>(&self, index: usize) -> Result<T> {
        let value = match &self.0 {
            EngineRow::Sqlite(row) => match row.get_ref(index) {
                Ok(value) => Value::from_sqlite(value),
                Err(_) => Err("a column in the answer".to_owned()),
            },
            EngineRow::Postgres(row) => {
                row.try_get(index).map_err(|_| "a column of a type that is read here".to_owned())
            }
        };
        value.and_then(T::from_value).map_err(|expected| {
            let name = match &self.0 {
                EngineRow::Sqlite(row) => row.as_ref().column_name(index).unwrap_or("?"),
                EngineRow::Postgres(row) => row.columns().get(index).map_or("?", |column| column.name()),
            };
            Error::Value(format!("column {index} ({name}) should be {expected}"))
        })
    }
}
