//! The public face: seal and open one record with serde types, without SQL.
