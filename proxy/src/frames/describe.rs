//! ParameterDescription and RowDescription in logical types.
