//! The table as Parquet: the same columns, with types.
//!
//! One row group, without compression: a sweep's table is small, and every reader knows the plain form.

use std::fs::File;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::record::Field;
use parquet::schema::types::Type;
use serde_json::{Map, Value};

use super::table::Row;

/// The name of the root of the schema, by which a table of a sweep is known.
const ROOT: &str = "sweep";

/// What a column holds.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Flag,
    Unsigned,
    /// Where a row may have none.
    Optional,
    Signed,
}

impl Kind {
    fn of(name: &str, value: &Value) -> Kind {
        match value {
            Value::String(_) => Kind::Text,
            Value::Bool(_) => Kind::Flag,
            Value::Null => Kind::Optional,
            _ if name == "after_trace_us" => Kind::Signed,
            _ => Kind::Unsigned,
        }
    }

    fn column(self, name: &str) -> Result<Type, ParquetError> {
        let unsigned = Some(LogicalType::integer(64, false));
        let (physical, logical) = match self {
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Flag => (Physical::BOOLEAN, None),
            Kind::Unsigned | Kind::Optional => (Physical::INT64, unsigned),
            Kind::Signed => (Physical::INT64, None),
        };
        let repetition = match self {
            Kind::Optional => Repetition::OPTIONAL,
            _ => Repetition::REQUIRED,
        };
        let builder = Type::primitive_type_builder(name, physical).with_logical_type(logical);
        builder.with_repetition(repetition).build()
    }
}

/// A table as the bytes of a file. Equal rows give equal bytes.
///
/// # Errors
/// The library refuses to write it.
pub fn write(rows: &[&Row]) -> Result<Vec<u8>, ParquetError> {
    let heading = Row::default().columns();
    let kinds: Vec<_> = heading.iter().map(|(name, value)| Kind::of(name, value)).collect();
    let columns = heading.iter().zip(&kinds).map(|((name, _), kind)| kind.column(name).map(Arc::new));
    let schema = Type::group_type_builder(ROOT).with_fields(columns.collect::<Result<_, _>>()?).build()?;
    // The version of the library is not to show in the bytes.
    let properties = WriterProperties::builder().set_created_by("kubetape".to_owned()).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    if !rows.is_empty() {
        let cells: Vec<_> = rows.iter().map(|row| row.columns()).collect();
        let mut group = writer.next_row_group()?;
        for (place, kind) in kinds.iter().enumerate() {
            let values: Vec<_> = cells.iter().map(|cells| &cells[place].1).collect();
            put(&mut group, *kind, &values)?;
        }
        group.close()?;
    }
    writer.into_inner()
}

fn put(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    kind: Kind,
    values: &[&Value],
) -> Result<(), ParquetError> {
    let column = group.next_column()?;
    let mut column =
        column.ok_or_else(|| ParquetError::General("the schema has fewer columns".to_owned()))?;
    match kind {
        Kind::Text => {
            let text = values.iter().map(|value| ByteArray::from(value.as_str().unwrap_or_default()));
            column.typed::<ByteArrayType>().write_batch(&text.collect::<Vec<_>>(), None, None)?;
        }
        Kind::Flag => {
            let flags: Vec<_> = values.iter().map(|value| value.as_bool().unwrap_or_default()).collect();
            column.typed::<BoolType>().write_batch(&flags, None, None)?;
        }
        Kind::Unsigned | Kind::Optional | Kind::Signed => {
            // Parquet keeps unsigned numbers in the bits of signed ones.
            let bits = |value: &&Value| value.as_i64().or_else(|| value.as_u64().map(|value| value as i64));
            let there: Vec<_> = values.iter().filter_map(bits).collect();
            let levels: Vec<_> = values.iter().map(|value| i16::from(!value.is_null())).collect();
            let levels = matches!(kind, Kind::Optional).then_some(levels.as_slice());
            column.typed::<Int64Type>().write_batch(&there, levels, None)?;
        }
    }
    column.close()
}

/// The rows of a table.
///
/// # Errors
/// It is not Parquet, or not the table of a sweep.
pub fn read(file: File) -> Result<Vec<Row>, String> {
    let reader = SerializedFileReader::new(file).map_err(|e| e.to_string())?;
    let foreign = || "not a table of this version of `kubetape sweep`: its columns are others".to_owned();
    if reader.metadata().file_metadata().schema().name() != ROOT {
        return Err(foreign());
    }
    let mut rows = Vec::new();
    for row in reader.get_row_iter(None).map_err(|e| e.to_string())? {
        let row = row.map_err(|e| e.to_string())?;
        let cells: Option<Map<_, _>> =
            row.get_column_iter().map(|(name, field)| Some((name.clone(), value(field)?))).collect();
        let row = cells.and_then(|cells| serde_json::from_value(Value::Object(cells)).ok());
        rows.push(row.ok_or_else(foreign)?);
    }
    Ok(rows)
}

fn value(field: &Field) -> Option<Value> {
    Some(match field {
        Field::Null => Value::Null,
        Field::Bool(flag) => Value::from(*flag),
        Field::Long(number) => Value::from(*number),
        Field::ULong(number) => Value::from(*number),
        Field::Str(text) => Value::from(text.as_str()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write;

    use super::*;

    fn read_back(bytes: &[u8]) -> Result<Vec<Row>, String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        read(file)
    }

    #[test]
    fn rows_come_back_as_they_were_written() {
        let plain =
            Row { trace: "a,\"b\"\n".to_owned(), settled: true, after_trace_us: -5, ..Row::default() };
        let seeded = Row { run: 1, seed: Some(u64::MAX), events: u64::MAX, ..plain.clone() };
        for rows in [vec![], vec![&plain], vec![&plain, &seeded]] {
            let bytes = write(&rows).unwrap();
            assert_eq!(read_back(&bytes).unwrap().iter().collect::<Vec<_>>(), rows);
            assert_eq!(bytes, write(&rows).unwrap());
        }
    }

    #[test]
    fn what_is_not_such_a_table_is_refused() {
        assert!(read_back(b"run,trace\n").is_err());
        let whole = write(&[&Row::default()]).unwrap();
        assert!(read_back(&whole[..whole.len() / 2]).is_err());
    }
}
